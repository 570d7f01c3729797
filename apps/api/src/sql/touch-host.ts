import type { Database, Statement } from '@muster/db';
import { assignments, IS_THERE, suspectClone } from './host-order.js';

const TOUCH_STALE: Statement = {
  name: 'touch_stale_host',
  text: `
    WITH locked AS (
      SELECT id FROM hosts WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET
      "lastSeenAt" = $2::timestamptz,
      ${assignments(suspectClone({ stream: '$3::uuid', receivedAt: '$2::timestamptz' }))}
    FROM locked
    WHERE hosts.id = locked.id AND ${IS_THERE}`,
};

/**
 * Notes that an agent was heard with a snapshot too old to apply: it lives, and nothing else is written but the
 * suspicion that two machines share its token. Where another transaction holds the host's row, nothing is: that one writes
 * down that the agent lives.
 */
export async function touchStale(db: Database, hostId: string, stream: string, receivedAt: Date): Promise<void> {
  await db.query(TOUCH_STALE, [hostId, receivedAt, stream]);
}
