import type { Database, Statement } from '@muster/db';

const RECORD_SNAPSHOT_REFUSED: Statement = {
  name: 'record_snapshot_refused',
  text: `
    UPDATE hosts SET "snapshotRefusedAt" = COALESCE("snapshotRefusedAt", $2::timestamptz), "snapshotRefusedReason" = $3
    WHERE id = $1::uuid AND "snapshotRefusedReason" IS DISTINCT FROM $3`,
};

/**
 * Records that the API refused a host's snapshot, until one is applied. Locks the host's row, and writes nothing if the
 * reason is the recorded one, so that an agent that repeats itself costs an index lookup.
 */
export async function recordSnapshotRefused(db: Database, hostId: string, reason: string, at: Date): Promise<void> {
  await db.query(RECORD_SNAPSHOT_REFUSED, [hostId, at, reason]);
}
