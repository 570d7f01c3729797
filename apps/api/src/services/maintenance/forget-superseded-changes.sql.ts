import { Prisma, type Database } from '@muster/db';

/** Rows looked at by one statement: the containers of as many hosts at most are read for it. */
const BATCH_ROWS = 200;

/** The key of the row up to which the changes were read. */
export type ChangePlace = { organizationId: string; changedAt: Date; hostId: string };

/**
 * Deletes from `container_changes` what no present container bears any more, because it changed again or is gone.
 * `before` lies well before the oldest write under way: nobody writes a row of that age again.
 *
 * Reads from `after` on until `isStopped`, and returns where to continue; undefined: at the beginning.
 */
export async function forgetSupersededChanges(
  { prisma }: Database,
  before: Date,
  after: ChangePlace | undefined,
  isStopped: () => boolean,
): Promise<ChangePlace | undefined> {
  do {
    const beyond: Prisma.Sql = after
      ? Prisma.sql`AND ("organizationId", "changedAt", "hostId")
          > (${after.organizationId}, ${after.changedAt}::timestamptz, ${after.hostId}::uuid)`
      : Prisma.empty;
    [after] = await prisma.$queryRaw<ChangePlace[]>(Prisma.sql`
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
