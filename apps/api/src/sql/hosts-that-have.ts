import { Prisma, type Database } from '@muster/db';

/**
 * The hosts that have any present container of one of these words (states, or healths as `hosts.stateCounts` names
 * them), by one look at each host of the organization. Null where they have more than `rowsMax` containers together.
 */
export async function hostsThatHave(
  { prisma }: Database,
  organizationId: string,
  words: string[],
  rowsMax: number,
): Promise<string[] | null> {
  const [hosts] = await prisma.$queryRaw<{ hostIds: string[]; containers: bigint }[]>(Prisma.sql`
    WITH found AS MATERIALIZED (
      SELECT id, "containerCount" FROM hosts
      WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NULL AND "stateCounts" ?| ${words}::text[]
    ), total AS MATERIALIZED (
      SELECT COALESCE(sum("containerCount"), 0) AS containers FROM found
    )
    SELECT total.containers,
      CASE WHEN total.containers <= ${rowsMax}::int THEN ARRAY(SELECT id::text FROM found) ELSE '{}' END AS "hostIds"
    FROM total`);
  return hosts === undefined || hosts.containers > rowsMax ? null : hosts.hostIds;
}
