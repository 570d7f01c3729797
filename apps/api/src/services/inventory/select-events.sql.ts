import { Prisma, type Database } from '@muster/db';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';

/** Maximum number of hosts whose events are read host by host. */
const FEW_HOSTS_MAX = 50;

/** Filters of events by host. */
interface HostFilters {
  hostId?: readonly string[] | undefined;
  hostLabel?: HostLabelFilters;
}

/**
 * Returns the ids of the hosts that match the filters; null if there are many, or if there is no filter. The events of
 * a few hosts are found faster host by host than among the events of the whole organization.
 */
export async function findFewHosts(
  { prisma }: Database,
  organizationId: string,
  { hostId, hostLabel }: HostFilters,
): Promise<string[] | null> {
  const ids = hostId && [...new Set(hostId)];
  if (hostLabel === undefined) return ids !== undefined && ids.length <= FEW_HOSTS_MAX ? ids : null;
  const isSelected = ids === undefined ? Prisma.sql`TRUE` : Prisma.sql`h.id = ANY (${ids}::uuid[])`;
  const found = await prisma.$queryRaw<{ id: string }[]>(Prisma.sql`
    SELECT h.id::text AS id FROM hosts AS h
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)} AND ${isSelected}
    LIMIT ${FEW_HOSTS_MAX + 1}::int`);
  return found.length <= FEW_HOSTS_MAX ? found.map(({ id }) => id) : null;
}

/** Selects the first events (table alias `e`) that meet the conditions, newest first, in the order of one index. */
export const selectInOrder = (
  table: 'container_events' | 'host_events',
  conditions: readonly Prisma.Sql[],
  eventsMax: number,
): Prisma.Sql => Prisma.sql`
    SELECT * FROM ${Prisma.raw(table)} AS e WHERE ${Prisma.join([...conditions], ' AND ')}
    ORDER BY e.tx DESC, e.id DESC LIMIT ${eventsMax}::int`;

/**
 * Selects the hosts' first events that meet the conditions, newest first. Each host's events are in the order of an
 * index. The database merges the hosts' events in this order, so it reads only as many events as it returns.
 */
export function selectByHosts(
  table: 'container_events' | 'host_events',
  hostIds: readonly string[],
  conditions: readonly Prisma.Sql[],
  eventsMax: number,
): Prisma.Sql {
  // Use `=` instead of ANY: with ANY, the planner would not use the order of the index, and would sort the events.
  const ofHosts = hostIds.map((hostId) =>
    selectInOrder(table, [...conditions, Prisma.sql`e."hostId" = ${hostId}::uuid`], eventsMax),
  );
  const [only = selectInOrder(table, [Prisma.sql`FALSE`], eventsMax), ...others] = ofHosts;
  if (others.length === 0) return only;
  return Prisma.sql`
    SELECT * FROM (
      (${Prisma.join(ofHosts, ') UNION ALL (')})
    ) AS e ORDER BY e.tx DESC, e.id DESC LIMIT ${eventsMax}::int`;
}
