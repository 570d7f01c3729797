import { Prisma, type Database } from '@muster/db';

/** Maximum number of rows that one statement checks. It reads the containers of at most as many hosts. */
const BATCH_ROWS = 200;

/** The key of the last row that was read. */
export type ChangePosition = { organizationId: string; changedAt: Date; hostId: string };

/**
 * Deletes the rows of `container_changes` that match no present container, because the container changed again or was
 * removed. `before` must be well before the oldest write in progress, so that no row of that age is written again.
 *
 * Starts after `after` and runs until `isStopped` returns true. Returns the position at which to continue; undefined
 * means the beginning.
 */
export async function deleteSupersededChanges(
  { prisma }: Database,
  before: Date,
  after: ChangePosition | undefined,
  isStopped: () => boolean,
): Promise<ChangePosition | undefined> {
  do {
    const beyond: Prisma.Sql = after
      ? Prisma.sql`AND ("organizationId", "changedAt", "hostId")
          > (${after.organizationId}, ${after.changedAt}::timestamptz, ${after.hostId}::uuid)`
      : Prisma.empty;
    [after] = await prisma.$queryRaw<ChangePosition[]>(Prisma.sql`
      WITH batch AS MATERIALIZED (
        SELECT * FROM container_changes WHERE "changedAt" < ${before}::timestamptz ${beyond}
        ORDER BY "organizationId", "changedAt", "hostId" LIMIT ${BATCH_ROWS}::int
      ), borne AS MATERIALIZED (
        SELECT DISTINCT c."hostId", c."changedAt"
        FROM (SELECT DISTINCT "hostId" FROM batch) AS hosts CROSS JOIN LATERAL (
          SELECT * FROM containers WHERE "hostId" = hosts."hostId" AND "removedAt" IS NULL OFFSET 0) AS c
      ), forgotten AS (
        DELETE FROM container_changes AS changes USING batch
        WHERE changes."organizationId" = batch."organizationId" AND changes."changedAt" = batch."changedAt"
          AND changes."hostId" = batch."hostId" AND NOT EXISTS (
            SELECT FROM borne WHERE borne."hostId" = batch."hostId" AND borne."changedAt" = batch."changedAt")
      )
      SELECT "organizationId", "changedAt", "hostId"::text AS "hostId" FROM batch
      ORDER BY "organizationId", "changedAt", "hostId" OFFSET ${BATCH_ROWS - 1}::int`);
  } while (after && !isStopped());
  return after;
}
