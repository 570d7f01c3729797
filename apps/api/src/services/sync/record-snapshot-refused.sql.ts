import type { Database, Statement } from '@muster/db';
import { isSuperseded } from './host-order.sql.js';

const RECORD_SNAPSHOT_REFUSED: Statement = {
  name: 'record_snapshot_refused',
  text: `
    WITH locked AS (
      SELECT id FROM hosts
      WHERE id = $1::uuid AND "snapshotRefusedReason" IS DISTINCT FROM $3
        AND ($4::uuid IS NULL OR NOT ${isSuperseded('$4::uuid')})
      FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET "snapshotRefusedAt" = COALESCE("snapshotRefusedAt", $2::timestamptz), "snapshotRefusedReason" = $3
    FROM locked
    WHERE hosts.id = locked.id`,
};

/**
 * Records that the API refused a host's snapshot. The record is cleared when a snapshot is applied. Writes nothing in
 * three cases:
 * - The snapshot's stream was superseded. The stream may belong to another machine with the same token. `stream` is
 *   null if the snapshot had no stream.
 * - This reason is already recorded. A repeated refusal therefore costs only an index lookup.
 * - Another transaction has locked the host's row. Waiting would occupy a connection, and the next refusal will be
 *   recorded.
 */
export async function recordSnapshotRefused(
  db: Database,
  { hostId, stream, reason, at }: { hostId: string; stream: string | null; reason: string; at: Date },
): Promise<void> {
  await db.query(RECORD_SNAPSHOT_REFUSED, [hostId, at, reason, stream]);
}
