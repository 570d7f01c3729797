import type { Freshness, HostProblemCode } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';

export interface FleetCounts {
  /** Number of hosts by freshness. Omits a freshness that no host has. */
  hosts: Partial<Record<Freshness, number>>;
  cloneSuspected: number;
  /** Number of hosts by problem. Omits a code that no host has. */
  problems: Partial<Record<HostProblemCode, number>>;
  /** Sum of `hosts.stateCounts` over the hosts whose containers are current. */
  current: Record<string, number>;
  /** Sum of `hosts.stateCounts` over all other hosts. */
  lastKnown: Record<string, number>;
}

/**
 * Counts the hosts and containers of an organization, or of all organizations if `organizationId` is null. Sums the
 * counts that are stored for each host, and reads no container rows. With `hostLabel`, only hosts with these labels
 * count.
 */
export async function countFleet(
  { prisma }: Database,
  organizationId: string | null,
  cutoffs: FreshnessCutoffs,
  cloneSuspectedFrom: Date,
  hostLabel?: HostLabelFilters,
): Promise<FleetCounts> {
  const freshness = freshnessSql(cutoffs);
  const scope = organizationId === null ? Prisma.sql`TRUE` : Prisma.sql`h."organizationId" = ${organizationId}`;
  const [counted] = await prisma.$queryRaw<FleetCounts[]>(Prisma.sql`
    WITH judged AS MATERIALIZED (
      SELECT h."stateCounts" AS counts, ${freshness.host} AS freshness, ${freshness.containers} = 'online' AS current,
        COALESCE(h."cloneSuspectedAt" > ${cloneSuspectedFrom}::timestamptz, FALSE) AS cloned,
        h."agentProblems" AS problems, h."snapshotRefusedAt" IS NOT NULL AS refused,
        h."truncatedCount" > 0 AS truncated
      FROM hosts AS h WHERE ${scope} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}
    ), hosts AS (
      SELECT freshness, count(*)::int AS hosts, count(*) FILTER (WHERE cloned)::int AS cloned
      FROM judged GROUP BY freshness
    ), problems AS (
      SELECT code, count(*)::int AS hosts FROM (
        SELECT problem ->> 'code' AS code FROM judged CROSS JOIN LATERAL jsonb_array_elements(problems) AS problem
        WHERE problems <> '[]' AND NOT (refused AND problem ->> 'code' = 'snapshot_refused')
        UNION ALL SELECT 'snapshot_refused' FROM judged WHERE refused
        UNION ALL SELECT 'truncated' FROM judged WHERE truncated
        UNION ALL SELECT 'clone_suspected' FROM judged WHERE cloned
      ) AS found
      GROUP BY code
    ), words AS (
      SELECT current, word, sum(containers::int)::int AS containers
      FROM judged CROSS JOIN LATERAL jsonb_each_text(counts) AS words (word, containers)
      GROUP BY current, word
    )
    SELECT
      COALESCE((SELECT jsonb_object_agg(freshness, hosts) FROM hosts), '{}') AS hosts,
      COALESCE((SELECT sum(cloned) FROM hosts), 0)::int AS "cloneSuspected",
      COALESCE((SELECT jsonb_object_agg(code, hosts) FROM problems), '{}') AS problems,
      COALESCE((SELECT jsonb_object_agg(word, containers) FROM words WHERE current), '{}') AS current,
      COALESCE((SELECT jsonb_object_agg(word, containers) FROM words WHERE NOT current), '{}') AS "lastKnown"`);
  if (counted === undefined) throw new Error('the fleet count returned no row');
  return counted;
}
