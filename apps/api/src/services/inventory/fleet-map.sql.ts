import { FLEET_MAP_HOSTS_MAX, type FleetMap } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { shareReads } from '../../lib/share-reads.js';
import { freshnessCutoffs, freshnessSql, type FreshnessSource } from '../freshness/index.js';
import { healthKey } from '../sync/index.js';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';
import { severity } from './host-severity.sql.js';

/**
 * Returns the map of an organization's hosts; with `hostLabel`, only of hosts with these labels. Concurrent calls share
 * a read.
 */
export type GetFleetMap = (organizationId: string, hostLabel?: HostLabelFilters) => Promise<FleetMap>;

/** Creates the reader of fleet maps. `hostsMax` replaces the maximum number of hosts. */
export const createGetFleetMap = (
  source: FreshnessSource,
  { hostsMax = FLEET_MAP_HOSTS_MAX }: { hostsMax?: number } = {},
): GetFleetMap => shareReads((organizationId, hostLabel) => readFleetMap(source, organizationId, hostLabel, hostsMax));

/**
 * Reads the map. PostgreSQL collects each column into one array, because ten thousand rows would take several times as
 * long to receive.
 */
async function readFleetMap(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  hostLabel: HostLabelFilters,
  hostsMax: number,
): Promise<FleetMap> {
  const context = await freshnessContext();
  const freshness = freshnessSql(freshnessCutoffs(context)).host;
  const isRequested = Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}`;
  const [map] = await db.prisma.$queryRaw<FleetMap[]>(Prisma.sql`
    WITH listed AS MATERIALIZED (
      SELECT h.id, h.name, ${freshness} AS freshness, ${severity(freshness, context.now)} AS severity,
        COALESCE((h."stateCounts" ->> ${healthKey('unhealthy')})::int, 0) AS unhealthy
      FROM hosts AS h WHERE ${isRequested}
      ORDER BY h.name, h.id LIMIT ${hostsMax}::int
    )
    SELECT CASE WHEN count(*) < ${hostsMax}::int THEN count(*) ELSE (
        SELECT count(*) FROM hosts AS h WHERE ${isRequested}
      ) END::int AS total,
      COALESCE(json_agg(id), '[]') AS ids, COALESCE(json_agg(name), '[]') AS names,
      COALESCE(json_agg(freshness), '[]') AS freshness, COALESCE(json_agg(severity), '[]') AS severity,
      COALESCE(json_agg(unhealthy), '[]') AS unhealthy
    FROM listed`);
  if (map === undefined) throw new Error('the fleet map returned no row');
  return map;
}
