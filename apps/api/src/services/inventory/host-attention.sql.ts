import { ATTENTION_LATEST_MAX, type HostAttentionKind } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { type FreshnessContext, freshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { cloneSuspectedFrom } from '../sync/index.js';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';
import { PROBLEM_COUNTS, type RowProblem } from './container-problems.sql.js';

/** The hosts that have a given problem. */
export interface HostsWithProblem {
  kind: HostAttentionKind;
  /** The time since which each host has had the problem, in milliseconds since 1970, in any order. */
  times: number[];
  /** The hosts that got the problem most recently, newest first. */
  latest: { id: string; name: string; since: string }[];
}

export interface HostAttentionRead {
  hostTotal: number;
  hostProblems: HostsWithProblem[];
  /** The number of containers with each problem, on hosts whose containers are current. */
  totals: Record<RowProblem, number>;
  /** The hosts whose containers are to be read, and the number of their containers with each problem. */
  read: { hostIds: string[]; totals: Record<RowProblem, number> };
}

/** The codes in `hosts.agentProblems`, except `engine_unreachable`, which is listed as `engine_down`. */
const AGENT_PROBLEM_KINDS: readonly HostAttentionKind[] = [
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
  'clock_skew',
];

const sumOf = (table: string) =>
  Prisma.sql`json_build_object(${Prisma.join(
    (Object.keys(PROBLEM_COUNTS) as RowProblem[]).map(
      (code) => Prisma.sql`${code}::text, COALESCE(sum(${Prisma.raw(`${table}.${code}`)}), 0)::int`,
    ),
  )})`;

/**
 * Reads all hosts of an organization once, and finds those that have a problem or have containers with a problem. Also
 * selects the hosts whose containers are to be read: at most `hostsMax` hosts with at most `rowsMax` containers in
 * total, or a single host with more containers. Hosts with unhealthy or dead containers come first.
 */
export async function readHostAttention(
  { prisma }: Database,
  organizationId: string,
  context: FreshnessContext,
  { hostsMax, rowsMax, hostLabel }: { hostsMax: number; rowsMax: number; hostLabel: HostLabelFilters },
): Promise<HostAttentionRead> {
  const { now } = context;
  const freshness = freshnessSql(freshnessCutoffs(context));
  const [found] = await prisma.$queryRaw<HostAttentionRead[]>(Prisma.sql`
    WITH judged AS MATERIALIZED (
      SELECT h.id, h.name, ${freshness.host} AS freshness, ${freshness.containers} = 'online' AS current,
        COALESCE(h."lastSeenAt", h."confirmedAt", h."enrolledAt") AS seen, h."agentProblems" AS reported,
        h."snapshotRefusedAt" AS refused,
        CASE WHEN h."truncatedCount" > 0 THEN COALESCE(h."truncatedSince", h."confirmedAt", h."enrolledAt") END AS truncated,
        CASE WHEN h."cloneSuspectedAt" > ${cloneSuspectedFrom(now)}::timestamptz
          THEN COALESCE(h."cloneSuspectedSince", h."cloneSuspectedAt") END AS cloned,
        h."containerCount" AS containers, ${PROBLEM_COUNTS.unhealthy} AS unhealthy, ${PROBLEM_COUNTS.dead} AS dead,
        ${PROBLEM_COUNTS.failed} AS failed
      FROM hosts AS h
      WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}
    ), alive AS (
      SELECT * FROM judged WHERE freshness NOT IN ('offline', 'left')
    ), reported AS (
      SELECT id, name, problem ->> 'code' AS kind, (problem ->> 'since')::timestamptz AS since, refused
      FROM alive CROSS JOIN LATERAL jsonb_array_elements(reported) AS problem
      WHERE reported <> '[]'
    ), found AS MATERIALIZED (
      SELECT id, name, kind, LEAST(since, ${now}::timestamptz) AS since FROM (
        SELECT id, name, freshness AS kind, seen AS since FROM judged WHERE freshness IN ('offline', 'stale')
        UNION ALL
        SELECT id, name, 'engine_down', COALESCE((
            SELECT (problem ->> 'since')::timestamptz FROM jsonb_array_elements(reported) AS problem
            WHERE problem ->> 'code' IN ('engine_unreachable', 'list_refused')
            ORDER BY problem ->> 'code' LIMIT 1
          ), seen) FROM judged WHERE freshness = 'engine_down'
        UNION ALL
        SELECT id, name, kind, since FROM reported
        WHERE kind = ANY (${[...AGENT_PROBLEM_KINDS]}::text[]) AND NOT (kind = 'snapshot_refused' AND refused IS NOT NULL)
        UNION ALL SELECT id, name, 'snapshot_refused', refused FROM alive WHERE refused IS NOT NULL
        UNION ALL SELECT id, name, 'truncated', truncated FROM alive WHERE truncated IS NOT NULL
        UNION ALL SELECT id, name, 'clone_suspected', cloned FROM alive WHERE cloned IS NOT NULL
      ) AS found
    ), problems AS (
      SELECT kind, json_agg(date_part('epoch', since) * 1000) AS times FROM found GROUP BY kind
    ), candidates AS (
      SELECT *, sum(containers) OVER (ORDER BY (unhealthy + dead = 0), id) - containers AS before FROM (
        SELECT id, containers, unhealthy, dead, failed FROM judged WHERE current AND unhealthy + dead + failed > 0
        ORDER BY (unhealthy + dead = 0), id LIMIT ${hostsMax}::int
      ) AS first
    ), chosen AS (
      SELECT * FROM candidates WHERE before = 0 OR before + containers <= ${rowsMax}::int
    )
    SELECT (SELECT count(*)::int FROM (SELECT FROM found GROUP BY id) AS hosts) AS "hostTotal",
      (SELECT COALESCE(json_agg(json_build_object('kind', kind, 'times', times, 'latest', (
        SELECT json_agg(json_build_object('id', id, 'name', name, 'since', since) ORDER BY since DESC, id)
        FROM (
          SELECT id, name, since FROM found WHERE found.kind = problems.kind
          ORDER BY since DESC, id LIMIT ${ATTENTION_LATEST_MAX}::int
        ) AS latest
      ))), '[]') FROM problems) AS "hostProblems",
      (SELECT ${sumOf('judged')} FROM judged WHERE current) AS totals,
      (SELECT json_build_object('hostIds', COALESCE(json_agg(id), '[]'), 'totals', ${sumOf('chosen')}) FROM chosen) AS read`);
  if (found === undefined) throw new Error('the read of hosts returned no row');
  return found;
}
