import type { Database, Statement } from '@muster/db';
import type { SnapshotTimes } from './order.js';
import { assignments, IS_THERE, suspectClone } from './host-order.sql.js';

const TOUCH_STALE: Statement = {
  name: 'touch_stale_host',
  text: `
    WITH locked AS (
      SELECT id FROM hosts WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET
      "lastSeenAt" = $2::timestamptz,
      "heartbeatSeconds" = $4::int,
      ${assignments(suspectClone({ stream: '$3::uuid', observedAt: '$5::timestamptz', receivedAt: '$2::timestamptz' }))}
    FROM locked
    WHERE hosts.id = locked.id AND ${IS_THERE}`,
};

/**
 * Records a snapshot that is too old to apply: the agent is alive and was asked for a heartbeat interval. Apart from
 * that, only a suspected clone is recorded. Writes nothing if another transaction has locked the host's row, because
 * that transaction records that the agent is alive.
 */
export async function touchStale(
  db: Database,
  hostId: string,
  stream: string,
  { observedAt, receivedAt, heartbeatSeconds }: SnapshotTimes & { heartbeatSeconds: number },
): Promise<void> {
  await db.query(TOUCH_STALE, [hostId, receivedAt, stream, heartbeatSeconds, observedAt]);
}
