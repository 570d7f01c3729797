import { FACET_LABEL_KEYS_MAX, FACET_LABEL_VALUES_MAX, type HostFacets } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';

/**
 * Returns the label keys of an organization's hosts with their values, each with the number of hosts. Hosts with equal
 * labels are counted first, because many hosts have the same labels.
 */
export async function getLabelFacets(
  { prisma }: Database,
  organizationId: string,
  hostLabel: HostLabelFilters,
  keysMax = FACET_LABEL_KEYS_MAX,
  valuesMax = FACET_LABEL_VALUES_MAX,
): Promise<HostFacets['labels']> {
  // One key more than the maximum shows that there are more.
  const found = await prisma.$queryRaw<HostFacets['labels']['keys']>(Prisma.sql`
    WITH label_sets AS MATERIALIZED (
      SELECT h.labels, count(*) AS hosts FROM hosts AS h
      WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND h.labels <> '{}'
        AND ${hasLabels(hostLabel)}
      GROUP BY h.labels
    ), pairs AS MATERIALIZED (
      SELECT key COLLATE "C" AS key, value COLLATE "C" AS value, sum(hosts)::int AS hosts
      FROM label_sets CROSS JOIN LATERAL jsonb_each_text(labels) AS label (key, value) GROUP BY 1, 2
    ), keys AS (
      SELECT key, sum(hosts)::int AS hosts, count(*) AS count FROM pairs
      GROUP BY key ORDER BY 2 DESC, key LIMIT ${keysMax + 1}::int
    )
    SELECT k.key, k.hosts, k.count > ${valuesMax}::int AS "hasMore", (
        SELECT json_agg(json_build_object('value', value, 'hosts', hosts) ORDER BY value)
        FROM (
          SELECT p.value, p.hosts FROM pairs AS p WHERE p.key = k.key
          ORDER BY p.hosts DESC, p.value LIMIT ${valuesMax}::int
        ) AS first
      ) AS values
    FROM keys AS k ORDER BY k.hosts DESC, k.key`);
  const keys = found.slice(0, keysMax).sort((a, b) => (a.key < b.key ? -1 : 1));
  return { keys, hasMore: found.length > keysMax };
}
