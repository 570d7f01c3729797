import { FACET_LABEL_KEYS_MAX, FACET_LABEL_VALUES_MAX, type HostFacets } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';

/**
 * Returns the label keys of an organization's hosts with their values, each with the number of hosts. Hosts with equal
 * labels are counted first, because many hosts have the same labels. The values of all keys are ranked in one pass,
 * because a key may have a different value on each host.
 */
export async function getLabelFacets(
  { prisma }: Database,
  organizationId: string,
  hostLabel: HostLabelFilters,
  keysMax = FACET_LABEL_KEYS_MAX,
  valuesMax = FACET_LABEL_VALUES_MAX,
): Promise<HostFacets['labels']> {
  // One key more than the maximum is read, which shows whether there are more keys.
  const found = await prisma.$queryRaw<HostFacets['labels']['keys']>(Prisma.sql`
    WITH label_sets AS MATERIALIZED (
      SELECT h.labels, count(*) AS hosts FROM hosts AS h
      WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND h.labels <> '{}'
        AND ${hasLabels(hostLabel)}
      GROUP BY h.labels
    ), pairs AS (
      SELECT key COLLATE "C" AS key, value COLLATE "C" AS value, sum(hosts)::int AS hosts
      FROM label_sets CROSS JOIN LATERAL jsonb_each_text(labels) AS label (key, value) GROUP BY 1, 2
    ), ranked AS (
      SELECT key, value, hosts, row_number() OVER (PARTITION BY key ORDER BY hosts DESC, value) AS rank,
        sum(hosts) OVER (PARTITION BY key) AS "hostsOfKey", count(*) OVER (PARTITION BY key) AS "valuesOfKey"
      FROM pairs
    )
    SELECT key, max("hostsOfKey")::int AS hosts, max("valuesOfKey") > ${valuesMax}::int AS "hasMore",
      json_agg(json_build_object('value', value, 'hosts', hosts) ORDER BY value) AS values
    FROM ranked WHERE rank <= ${valuesMax}::int
    GROUP BY key ORDER BY 2 DESC, key LIMIT ${keysMax + 1}::int`);
  const keys = found.slice(0, keysMax).sort((a, b) => (a.key < b.key ? -1 : 1));
  return { keys, hasMore: found.length > keysMax };
}
