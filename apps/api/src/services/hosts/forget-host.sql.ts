import type { Database } from '@muster/db';

/** Rows deleted by one statement: few enough that none runs into the statement timeout. */
const BATCH_ROWS = 5_000;

/**
 * Deletes a deleted host's containers and history in small statements, at most `batchesMax` of each. Nobody writes
 * them any more, for every write asks whether the host is deleted, and nobody reads them. True: nothing is left.
 * `isStopped` is asked between two statements.
 */
export async function forgetHost(
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
  for (const deleteBatch of [deleteContainers, deleteEvents]) {
    let batches = 0;
    while ((await deleteBatch()) === BATCH_ROWS) {
      batches += 1;
      if (batches === batchesMax || isStopped()) return false;
    }
  }
  return true;
}
