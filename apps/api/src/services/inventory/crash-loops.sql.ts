import { CRASH_LOOP_EXITS_MIN, STOPPED_EXIT_CODES, type ExitReason } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { NO_ERROR_REASONS } from '../sync/index.js';
import { SERVICE_BEGINNING, WORKLOAD_INSTANCE, WORKLOAD_PROJECT } from './workload-columns.sql.js';

/** The period, in milliseconds, within which several exits are a crash loop. */
export const CRASH_LOOP_MS = 3_600_000;

export const NO_ERROR_CODES = Prisma.join([0, ...STOPPED_EXIT_CODES].map((code) => Prisma.raw(String(code))));

const UNKNOWN: ExitReason = 'unknown';

/**
 * Matches events that record an exit. If the process of a container ended before the host first reported the container,
 * the history has only the event `created`. This event counts as an exit only if the agent saw the process end (so that
 * the cause is known) and the host is not new. Otherwise, the process may have ended long ago.
 */
const IS_EXIT = Prisma.sql`(e.kind IN ('exited', 'restarted') OR e.kind = 'created' AND e."exitReason" <> ${UNKNOWN} AND (
  SELECT h."enrolledAt" < e."recordedAt" - interval '5 minutes' FROM hosts AS h WHERE h.id = e."hostId"))`;

/** The columns by which exits are grouped. */
const groupingColumns = (row: Prisma.Sql) =>
  Prisma.sql`${row}."hostId", ${row}."dockerId", ${row}."workloadKind", ${row}.project, ${row}.service, ${row}.instance`;

/** Selects at most `loopsReadMax` looping containers, whose exits are not recorded yet. */
const openLoops = (organizationId: string, loopsReadMax: number) => Prisma.sql`
  SELECT * FROM containers AS c WHERE c."organizationId" = ${organizationId} AND c."loopingSince" IS NOT NULL
  ORDER BY c."loopingSince" DESC LIMIT ${loopsReadMax}::int`;

/** The condition under which `repeatedExits` reads all looping containers. */
export const readsAllLoops = (organizationId: string, loopsReadMax: number): Prisma.Sql =>
  Prisma.sql`(SELECT count(*) FROM (${openLoops(organizationId, loopsReadMax)}) AS l) < ${loopsReadMax}::int`;

/**
 * Selects the exits with an error code: those of the events that `errors` selects, and those of looping containers,
 * which are not recorded one by one (ADR 24). For a looping container, each row stands for all exits with one code and
 * reason, and counts until an hour after the last of these exits. `restarts` is true for these rows, because a restart
 * policy or something else restarts the container.
 */
function exitsWithError(errors: Prisma.Sql, organizationId: string, now: Date, loopsReadMax: number): Prisma.Sql {
  const from = Prisma.sql`${new Date(now.getTime() - CRASH_LOOP_MS)}::timestamptz`;
  // A time in the future is from a clock that was ahead.
  const since = (first: Prisma.Sql) =>
    Prisma.sql`LEAST(GREATEST(${first}, ${from}), counted."recordedAt", ${now}::timestamptz)`;
  const ofLoop = (codes: Prisma.Sql) => Prisma.sql`
    CROSS JOIN LATERAL jsonb_each(${codes}) AS codes
    CROSS JOIN LATERAL jsonb_to_record(codes.value) AS counted(code float8, reason text, count int, "recordedAt" timestamptz)
    WHERE counted."recordedAt" > ${from} AND counted.code NOT IN (${NO_ERROR_CODES})`;
  return Prisma.sql`
    SELECT ${groupingColumns(Prisma.sql`e`)}, e."exitReason" AS reason, 1 AS exits, e."to" = '"restarting"'::jsonb AS restarts,
      e."recordedAt" AS since
    FROM ${errors} AS e WHERE ${IS_EXIT}
    UNION ALL
    SELECT ${groupingColumns(Prisma.sql`e`)}, counted.reason, counted.count, TRUE,
      ${since(Prisma.sql`(e.exits ->> 'first')::timestamptz`)}
    FROM ${errors} AS e ${ofLoop(Prisma.sql`e.exits -> 'codes'`)} AND e.exits IS NOT NULL
    UNION ALL
    SELECT ${groupingColumns(Prisma.sql`c`)}, counted.reason, counted.count, TRUE, ${since(Prisma.sql`c."loopingSince"`)}
    FROM (${openLoops(organizationId, loopsReadMax)}) AS c ${ofLoop(Prisma.sql`c.loop -> 'codes'`)}`;
}

/** The id of the service of a Swarm task. Services of two clusters can have the same name, but not the same id. */
const SWARM_SERVICE = Prisma.sql`c.labels ->> 'com.docker.swarm.service.id'`;

/**
 * Selects the workloads that exited often enough for a crash loop, from the exits that `errors` selects and those of
 * looping containers.
 *
 * - Exits are counted by workload and host. A container that is replaced after each crash is therefore one loop. Exits
 *   of a Swarm task are also counted across the hosts of its cluster (`hostId` is then null), because the next
 *   container of the task can run on another host. An event that an earlier version recorded has no workload and is
 *   counted by container (`dockerId` is not null).
 * - Requested and completed exits do not count. Exits of unknown cause count only if there are at least three of them,
 *   or if the engine was restarting the container, which shows that the container has a restart policy.
 */
export const repeatedExits = (
  errors: Prisma.Sql,
  organizationId: string,
  now: Date,
  loopsReadMax: number,
): Prisma.Sql => Prisma.sql`
  SELECT e."workloadKind", e."hostId", e."dockerId", e.project, e.service, e.instance, e."swarmService",
    min(e.since) AS since, sum(e.exits)::int AS exits
  FROM (
    SELECT e."workloadKind", e."hostId", e.project, e.service, e.instance, e.since, e.reason, e.exits, e.restarts,
      CASE WHEN e."workloadKind" = 'swarm' AND e.service IS NOT NULL THEN (
        SELECT ${SWARM_SERVICE} FROM containers AS c WHERE c."hostId" = e."hostId" AND c."dockerId" = e."dockerId"
      ) END AS "swarmService",
      CASE WHEN e."workloadKind" IS NULL OR e.service IS NULL THEN e."dockerId" END AS "dockerId"
    FROM (${exitsWithError(errors, organizationId, now, loopsReadMax)}) AS e
    WHERE e.reason IS NULL OR e.reason NOT IN (${Prisma.join([...NO_ERROR_REASONS])})
  ) AS e
  GROUP BY GROUPING SETS (
    (e."workloadKind", e."dockerId", e.project, e.service, e.instance, e."swarmService", e."hostId"),
    (e."workloadKind", e."dockerId", e.project, e.service, e.instance, e."swarmService"))
  HAVING (GROUPING(e."hostId") = 0 OR e."swarmService" IS NOT NULL)
    AND COALESCE(sum(e.exits) FILTER (WHERE e.reason IS DISTINCT FROM ${UNKNOWN}), 0) + CASE
    WHEN sum(e.exits) FILTER (WHERE e.reason = ${UNKNOWN}) >= ${CRASH_LOOP_EXITS_MIN}::int OR bool_or(e.restarts)
    THEN COALESCE(sum(e.exits) FILTER (WHERE e.reason = ${UNKNOWN}), 0) ELSE 0 END >= ${CRASH_LOOP_EXITS_MIN}::int`;

/**
 * Selects the newest present container that matches `condition`. A first report can create several containers at once,
 * so `startedAt` breaks ties.
 */
const newest = (condition: Prisma.Sql) => Prisma.sql`(
    SELECT c."hostId", c."dockerId", c."firstSeenAt", c."startedAt", c."removedAt", c.state, c."exitCode", c.exit, c."isInfra"
    FROM containers AS c WHERE c."removedAt" IS NULL AND ${condition}
      AND (SELECT h."deletedAt" IS NULL FROM hosts AS h WHERE h.id = c."hostId")
    ORDER BY c."firstSeenAt" DESC, c."startedAt" DESC NULLS LAST, c."dockerId" LIMIT 1)`;

/** Conditions on the containers that are shown for a loop, with the aliases `c` (container) and `h` (host). */
export interface LoopConditions {
  mayLoop: Prisma.Sql;
  isOnline: Prisma.Sql;
  hostId?: readonly string[] | undefined;
}

/**
 * For each workload in `loops` (from `repeatedExits`), finds the newest container: on the host or, if the loop was
 * counted across the hosts of a Swarm cluster, on any host of the cluster. Selects this container if it may loop. A
 * task has one loop, which is shown as the newest of these containers on a host that is online. Reports of another host
 * can therefore change which container is shown, but cannot hide the loop of a host.
 */
export function loopingContainers(
  organizationId: string,
  loops: Prisma.Sql,
  { mayLoop, isOnline, hostId }: LoopConditions,
): Prisma.Sql {
  const isOfWorkload = Prisma.sql`c."organizationId" = ${organizationId}
    AND ${SERVICE_BEGINNING} = (left(l.service, 200) COLLATE "C")
    AND ${WORKLOAD_PROJECT} = (left(COALESCE(l.project, ''), 200) COLLATE "C")
    AND ${WORKLOAD_INSTANCE} = (left(COALESCE(l.instance, ''), 200) COLLATE "C")
    AND c."workloadKind" = l."workloadKind" AND c.service = l.service
    AND c.project IS NOT DISTINCT FROM l.project AND c.instance IS NOT DISTINCT FROM l.instance
    AND (l."swarmService" IS NULL OR ${SWARM_SERVICE} = l."swarmService")`;
  const ofContainer = Prisma.sql`c."hostId" = l."hostId" AND c."dockerId" = l."dockerId"`;
  const ofHosts = hostId ? Prisma.sql`AND c."hostId" = ANY (${[...hostId]}::uuid[])` : Prisma.empty;
  const task = Prisma.sql`l."workloadKind", l.project, l.service, l.instance, l."dockerId", l."swarmService",
      CASE WHEN l."swarmService" IS NULL THEN c."hostId" END`;
  return Prisma.sql`
    SELECT DISTINCT ON ("hostId", "dockerId") * FROM (
      SELECT DISTINCT ON (${task}) c."hostId", c."dockerId", l.since, l.exits
      FROM ${loops} AS l CROSS JOIN LATERAL (
        ${newest(Prisma.sql`l."dockerId" IS NOT NULL AND ${ofContainer}`)}
        UNION ALL
        ${newest(Prisma.sql`l."dockerId" IS NULL AND l."hostId" IS NOT NULL AND c."hostId" = l."hostId" AND ${isOfWorkload}`)}
        UNION ALL
        ${newest(Prisma.sql`l."dockerId" IS NULL AND l."hostId" IS NULL AND ${isOfWorkload}`)}
      ) AS c JOIN hosts AS h ON h.id = c."hostId"
      WHERE ${mayLoop} ${ofHosts}
      ORDER BY ${task}, (${isOnline}) DESC, c."firstSeenAt" DESC, c."startedAt" DESC NULLS LAST, c."dockerId", l.exits DESC
    ) AS looping ORDER BY "hostId", "dockerId", since`;
}
