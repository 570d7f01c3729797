import { Prisma, type Database } from '@muster/db';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';
import type { FleetCounts } from './count-fleet.sql.js';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';

/** The counts of the hosts with the same label values. */
export interface LabelGroup extends Pick<FleetCounts, 'hosts' | 'current' | 'lastKnown'> {
  /**
   * The value of each label; the element is null for hosts without the label. `values` is null for the hosts of all
   * groups that are not listed.
   */
  values: (string | null)[] | null;
}

/**
 * Groups the hosts of an organization by the values of labels, and counts the hosts and containers of each group. If
 * `organizationId` is null, the groups contain the hosts of all organizations. Returns the `groupsMax` groups with the
 * most hosts, and counts all others together. Reads all hosts once, and no container rows.
 */
export async function countByLabels(
  { prisma }: Database,
  organizationId: string | null,
  { keys, hostLabel, groupsMax }: { keys: readonly string[]; hostLabel?: HostLabelFilters; groupsMax: number },
  cutoffs: FreshnessCutoffs,
): Promise<LabelGroup[]> {
  const freshness = freshnessSql(cutoffs);
  const scope = organizationId === null ? Prisma.sql`TRUE` : Prisma.sql`h."organizationId" = ${organizationId}`;
  const labelValues = Prisma.join(keys.map((key) => Prisma.sql`h.labels ->> ${key}`));
  return prisma.$queryRaw(Prisma.sql`
    WITH judged AS MATERIALIZED (
      SELECT ARRAY[${labelValues}]::text[] AS label_values, h."stateCounts" AS counts, ${freshness.host} AS freshness,
        ${freshness.containers} = 'online' AS current
      FROM hosts AS h WHERE ${scope} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}
    ), ranked AS MATERIALIZED (
      SELECT label_values, LEAST(row_number() OVER (ORDER BY count(*) DESC, label_values), ${groupsMax + 1}::int) AS rank
      FROM judged GROUP BY label_values
    ), numbered AS MATERIALIZED (
      SELECT r.rank, j.counts, j.freshness, j.current
      FROM judged AS j JOIN ranked AS r ON r.label_values = j.label_values
    ), hosts AS (
      SELECT rank, jsonb_object_agg(freshness, hosts) AS hosts
      FROM (SELECT rank, freshness, count(*)::int AS hosts FROM numbered GROUP BY rank, freshness) AS counted
      GROUP BY rank
    ), words AS (
      SELECT rank, jsonb_object_agg(word, containers) FILTER (WHERE current) AS current,
        jsonb_object_agg(word, containers) FILTER (WHERE NOT current) AS "lastKnown"
      FROM (
        SELECT rank, current, word, sum(containers::int)::int AS containers
        FROM numbered CROSS JOIN LATERAL jsonb_each_text(counts) AS words (word, containers)
        GROUP BY rank, current, word
      ) AS counted
      GROUP BY rank
    )
    SELECT (SELECT to_json(r.label_values) FROM ranked AS r WHERE r.rank = h.rank AND r.rank <= ${groupsMax}::int) AS values,
      h.hosts, COALESCE(w.current, '{}') AS current, COALESCE(w."lastKnown", '{}') AS "lastKnown"
    FROM hosts AS h LEFT JOIN words AS w ON w.rank = h.rank
    ORDER BY h.rank`);
}
