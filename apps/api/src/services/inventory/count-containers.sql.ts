import type { ContainerQuery } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { FreshnessCutoffs } from '../freshness/index.js';
import { healthKey, isKnownState, OTHER_STATE, stateKey } from '../sync/index.js';
import { containersAreOf, inHalf, type ContainerFilters } from './container-filters.sql.js';

export interface Counted {
  total: number;
  /** False: `total` is a lower bound, because the limit of rows was reached. */
  totalIsExact: boolean;
}

/** Counts the containers that a query finds by the hosts' stored counts; null if these do not suffice. */
export async function countOfHosts(
  { prisma }: Database,
  organizationId: string,
  query: ContainerQuery,
  cutoffs: FreshnessCutoffs,
): Promise<number | null> {
  const sum = storedCount(query);
  if (sum === null) return null;
  const isSelectedHost = query.hostId ? Prisma.sql`h.id = ANY (${query.hostId}::uuid[])` : Prisma.sql`TRUE`;
  const isSelectedFreshness = query.hostFreshness ? containersAreOf(query.hostFreshness, cutoffs) : Prisma.sql`TRUE`;
  const [counted] = await prisma.$queryRaw<{ total: number }[]>(Prisma.sql`
    SELECT COALESCE(sum(${sum}), 0)::int AS total FROM hosts AS h
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${isSelectedHost} AND ${isSelectedFreshness}`);
  return counted?.total ?? 0;
}

/** Counts the containers that match the conditions by reading at most `rowsMax` rows of each half. */
export async function countRows(
  { prisma }: Database,
  organizationId: string,
  { presences, conditions }: Pick<ContainerFilters, 'presences' | 'conditions'>,
  rowsMax: number,
): Promise<Counted> {
  const holds = conditions.length === 0 ? Prisma.sql`TRUE` : Prisma.join([...conditions], ' AND ');
  // Each half is a separate query, so that it uses an index of that half.
  const halves = presences.map(
    (presence) => Prisma.sql`(
      SELECT (${holds}) AND c."hostId" NOT IN (SELECT id FROM gone) AS holds FROM containers AS c
      WHERE c."organizationId" = ${organizationId} AND ${inHalf(presence)} LIMIT ${rowsMax}::int)`,
  );
  const [counted] = await prisma.$queryRaw<{ total: number; isCut: boolean }[]>(Prisma.sql`
    WITH gone AS MATERIALIZED (
      SELECT id FROM hosts WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NOT NULL
    )
    SELECT (count(*) FILTER (WHERE holds))::int AS total, count(*) >= ${rowsMax}::int AS "isCut"
    FROM (${Prisma.join(halves, ' UNION ALL ')}) AS read`);
  return { total: counted?.total ?? 0, totalIsExact: counted?.isCut !== true };
}

/** Returns the stored count of each host's containers that a query finds; null if hosts store no such count. */
function storedCount({ presence, state, health, image, label, q }: ContainerQuery): Prisma.Sql | null {
  if (presence !== 'present' || image || label || q !== undefined || (state && health)) return null;
  // All states that Docker does not define share one count, so a single one of them has no count of its own.
  if (state?.some((one) => !isKnownState(one)) && !state.includes(OTHER_STATE)) return null;
  const words = state?.map(stateKey) ?? health?.map(healthKey);
  if (words === undefined) return Prisma.sql`h."containerCount"`;
  return Prisma.sql`(
    SELECT sum((h."stateCounts" ->> word)::int) FROM unnest(${[...new Set(words)]}::text[]) AS word)`;
}
