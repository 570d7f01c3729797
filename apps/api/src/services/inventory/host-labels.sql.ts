import type { HostQuery } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';

/** Filters by the labels of hosts; undefined for all hosts. */
export type HostLabelFilters = HostQuery['hostLabel'];

/** Returns the condition that a host (table alias `h`) has all of these labels. */
export const hasLabels = (filters: HostLabelFilters = []): Prisma.Sql =>
  filters.length === 0
    ? Prisma.sql`TRUE`
    : Prisma.join(
        filters.map(({ key, value }) =>
          value === null
            ? Prisma.sql`h.labels ? ${key}`
            : Prisma.sql`h.labels @> ${JSON.stringify({ [key]: value })}::jsonb`,
        ),
        ' AND ',
      );

/** Selects the ids of an organization's hosts that have all of these labels. */
export const hostsWithLabels = (organizationId: string, filters: HostLabelFilters): Prisma.Sql => Prisma.sql`
  SELECT h.id FROM hosts AS h WHERE h."organizationId" = ${organizationId} AND ${hasLabels(filters)}`;

/**
 * Returns the ids of the hosts that have all of these labels; null if these hosts together have more than
 * `containersMax` containers, or if there is no filter. Reading all containers of a few hosts is faster than finding
 * their containers in an index of the whole fleet.
 */
export async function findFewHostsWithLabels(
  { prisma }: Database,
  organizationId: string,
  filters: HostLabelFilters,
  containersMax: number,
): Promise<string[] | null> {
  if (filters === undefined) return null;
  const [found] = await prisma.$queryRaw<{ ids: string[] | null }[]>(Prisma.sql`
    SELECT CASE WHEN COALESCE(sum(h."containerCount" + 1), 0) <= ${containersMax}::int
      THEN COALESCE(array_agg(h.id::text), '{}') END AS ids
    FROM hosts AS h
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(filters)}`);
  return found?.ids ?? null;
}
