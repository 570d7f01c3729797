import { FACET_VALUES_MAX, type HostFacets } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { shareReads } from '../../lib/share-reads.js';
import { sortVersions } from '../../lib/sort-versions.js';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';
import { getLabelFacets } from './label-facets.sql.js';

type FacetName = Exclude<keyof HostFacets, 'labels'>;

/** The column of each facet. */
const COLUMNS = {
  engines: Prisma.sql`h."engineName"`,
  agentVersions: Prisma.sql`h."agentVersion"`,
} as const satisfies Record<FacetName, Prisma.Sql>;

interface FacetOptions {
  hostLabel?: HostLabelFilters;
  valuesMax?: number;
  releaseVersion?: string | null;
}

/**
 * Returns a function that reads the facets like `getHostFacets`. Concurrent calls with equal arguments share a read.
 */
export const createGetHostFacets = (db: Database) =>
  shareReads((organizationId: string, options: FacetOptions) => getHostFacets(db, organizationId, options));

/**
 * Returns the values by which an organization's hosts can be filtered; with `hostLabel`, only the values of hosts with
 * these labels. `valuesMax` replaces the maximum number of values of a facet. `releaseVersion` is the version of the
 * agent that this server offers.
 */
export async function getHostFacets(
  db: Database,
  organizationId: string,
  { hostLabel, valuesMax = FACET_VALUES_MAX, releaseVersion = null }: FacetOptions = {},
): Promise<HostFacets> {
  // One value more than the maximum is read, which shows whether there are more values.
  const ofFacet = (name: FacetName) => Prisma.sql`(
    SELECT ${name}::text AS facet, ${COLUMNS[name]} AS value, sum(h.hosts)::int AS hosts FROM pairs AS h
    GROUP BY ${COLUMNS[name]} ORDER BY 3 DESC, ${COLUMNS[name]} COLLATE "C" LIMIT ${valuesMax + 1}::int)`;
  const labelFacets = getLabelFacets(db, organizationId, hostLabel);
  const found = db.prisma.$queryRaw<{ facet: FacetName; value: string; hosts: number }[]>(Prisma.sql`
    WITH pairs AS MATERIALIZED (
      SELECT h."engineName", h."agentVersion", count(*) AS hosts FROM hosts AS h
      WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}
      GROUP BY 1, 2
    )
    ${ofFacet('engines')} UNION ALL ${ofFacet('agentVersions')}`);
  const [labels, rows] = await Promise.all([labelFacets, found]);
  const toFacet = (name: FacetName) => {
    const found = rows.filter(({ facet }) => facet === name);
    const counts = new Map(found.slice(0, valuesMax).map(({ value, hosts }) => [value, hosts]));
    const values = sortVersions(counts.keys()).map((value) => ({ value, hosts: counts.get(value)! }));
    return { values, hasMore: found.length > valuesMax };
  };
  const { values, hasMore } = toFacet('agentVersions');
  const agentVersions = values.map((facet) => ({ ...facet, isOutdated: isOlder(facet.value, releaseVersion) }));
  return { engines: toFacet('engines'), agentVersions: { values: agentVersions, hasMore }, labels };
}

/**
 * Returns whether a version is older than the release. The result is false for the versions of other agents, such as
 * `curl`.
 */
const isOlder = (version: string, releaseVersion: string | null): boolean =>
  releaseVersion !== null &&
  version !== releaseVersion &&
  /^\d/.test(version) &&
  sortVersions([version, releaseVersion])[0] === version;
