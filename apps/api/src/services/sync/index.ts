/** The processing of snapshots and heartbeats, from body to rows. Its entry point is `services/container.ts`. */
export { gzipPlainLength, parseJsonBytes, plainBytes, type RawBody } from './body-bytes.js';
export { bodyDigest } from './body-digest.js';
export { toWorkload, type WorkloadColumns } from './container-row.js';
export { CLONE_SUSPECTED_MS } from './order.js';
export { createDigestSalts, createUnsharedDigestSalts, type DigestSalts } from './digest-salt-store.js';
export { createHeartbeatService, type HeartbeatService } from './heartbeat.js';
export { hostProblems } from './host-problems.js';
export { cloneSuspectedFrom, hasProblem } from './host-problems.sql.js';
export { createHostReports } from './host-reports.js';
export { createSnapshotRefusalRecorder, type SnapshotRefusalRecorder } from './snapshot-refusals.js';
export { NO_ERROR_REASONS, toLoopExits } from './container-loops.js';
export type { StoredLoopExits } from './container-changes.js';
export { recordEndedLoops } from './loop.sql.js';
export {
  splitStateCounts,
  exitKey,
  healthKey,
  INFRA_KEY,
  isKnownState,
  OTHER_STATE,
  type StateCounts,
  stateKey,
} from './state-counts.js';
