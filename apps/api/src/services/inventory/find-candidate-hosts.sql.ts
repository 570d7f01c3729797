import type { ContainerFreshness } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { FreshnessCutoffs } from '../freshness/index.js';
import { containersAreOf } from './container-filters.sql.js';

/** What is asked of hosts; undefined is nothing. */
export interface AskedOfHosts {
  /** Any present container of one of these words: states, or healths as `hosts.stateCounts` names them. */
  words: string[] | undefined;
  hostFreshness: ContainerFreshness[] | undefined;
}

/**
 * The hosts that may have what is asked for, by one look at each host of the organization. Null where they have more
 * than `rowsMax` present containers together.
 */
export async function hostsThatHave(
  { prisma }: Database,
  organizationId: string,
  { words, hostFreshness }: AskedOfHosts,
  cutoffs: FreshnessCutoffs,
  rowsMax: number,
): Promise<string[] | null> {
  const conditions = [
    Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`,
    ...(words ? [Prisma.sql`h."stateCounts" ?| ${words}::text[]`] : []),
    ...(hostFreshness ? [containersAreOf(hostFreshness, cutoffs)] : []),
  ];
  const [hosts] = await prisma.$queryRaw<{ hostIds: string[]; containers: bigint }[]>(Prisma.sql`
    WITH found AS MATERIALIZED (
      SELECT h.id, h."containerCount" FROM hosts AS h WHERE ${Prisma.join(conditions, ' AND ')}
    ), total AS MATERIALIZED (
      SELECT COALESCE(sum("containerCount"), 0) AS containers FROM found
    )
    SELECT total.containers,
      CASE WHEN total.containers <= ${rowsMax}::int THEN ARRAY(SELECT id::text FROM found) ELSE '{}' END AS "hostIds"
    FROM total`);
  return hosts === undefined || hosts.containers > rowsMax ? null : hosts.hostIds;
}
