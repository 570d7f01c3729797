import type { ContainerFreshness } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { FreshnessCutoffs } from '../freshness/index.js';
import { containersAreOf } from './container-filters.sql.js';

/** The conditions on hosts. Undefined: no condition. */
export interface AskedOfHosts {
  /** The host has a present container in one of these states or healths, named like the keys of `hosts.stateCounts`. */
  words: string[] | undefined;
  hostFreshness: ContainerFreshness[] | undefined;
}

/**
 * Returns the organization's hosts that meet the conditions, by reading each host once. Null if these hosts have more
 * than `rowsMax` present containers in total.
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
