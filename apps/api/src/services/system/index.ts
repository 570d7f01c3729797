/** What this installation consists of: its version, its database and its processes. */
export { createReplicaRecord, REPLICA_LISTED_MS, type ReplicaRecord } from './replica-record.js';
export { getSystem } from './system.js';
