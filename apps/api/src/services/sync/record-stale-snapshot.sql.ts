import type { Database, Statement } from '@muster/db';
import type { SnapshotTimes } from './order.js';
import { formatAssignments, NOT_DELETED, suspectedCloneAssignments } from './host-order.sql.js';

const RECORD_STALE_SNAPSHOT: Statement = {
  name: 'record_stale_snapshot',
  text: `
    WITH locked AS (
      SELECT id FROM hosts WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET
      "lastSeenAt" = $2::timestamptz,
      "heartbeatSeconds" = $4::int,
      ${formatAssignments(suspectedCloneAssignments({ stream: '$3::uuid', observedAt: '$5::timestamptz', receivedAt: '$2::timestamptz' }))}
    FROM locked
    WHERE hosts.id = locked.id AND ${NOT_DELETED}`,
};

/**
 * Records the effects of a snapshot that is too old to apply: the agent is alive and received a heartbeat interval, and
 * a clone may be suspected. Writes nothing if another transaction has locked the host's row, because that transaction
 * records that the agent is alive.
 */
export async function recordStaleSnapshot(
  db: Database,
  hostId: string,
  stream: string,
  { observedAt, receivedAt, heartbeatSeconds }: SnapshotTimes & { heartbeatSeconds: number },
): Promise<void> {
  await db.query(RECORD_STALE_SNAPSHOT, [hostId, receivedAt, stream, heartbeatSeconds, observedAt]);
}
