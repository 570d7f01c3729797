import type { Database } from '@muster/db';

/** Maximum number of rows that one statement deletes, so that the statement ends before its timeout. */
const BATCH_ROWS = 5_000;

/**
 * Deletes the containers and history of a deleted host in small statements, at most `batchesMax` per table. These rows
 * are not written concurrently, because every write checks whether the host is deleted. Resolves with true if no rows
 * are left. `isStopped` is checked between statements.
 */
export async function deleteHostData(
  { prisma }: Database,
  hostId: string,
  batchesMax: number,
  isStopped: () => boolean = () => false,
): Promise<boolean> {
  const deleteEvents = () => prisma.$executeRaw`
    DELETE FROM container_events WHERE "hostId" = ${hostId}::uuid AND (tx, id) IN (
      SELECT tx, id FROM container_events WHERE "hostId" = ${hostId}::uuid LIMIT ${BATCH_ROWS}::int)`;
  const deleteContainers = () => prisma.$executeRaw`
    DELETE FROM containers WHERE "hostId" = ${hostId}::uuid AND "dockerId" IN (
      SELECT "dockerId" FROM containers WHERE "hostId" = ${hostId}::uuid LIMIT ${BATCH_ROWS}::int)`;
  const deleteHostEvents = () => prisma.$executeRaw`
    DELETE FROM host_events WHERE "hostId" = ${hostId}::uuid AND (tx, id) IN (
      SELECT tx, id FROM host_events WHERE "hostId" = ${hostId}::uuid LIMIT ${BATCH_ROWS}::int)`;
  for (const deleteBatch of [deleteContainers, deleteEvents, deleteHostEvents]) {
    let batches = 0;
    while ((await deleteBatch()) === BATCH_ROWS) {
      batches += 1;
      if (batches === batchesMax || isStopped()) return false;
    }
  }
  return true;
}
