import { CRASH_LOOP_EXITS_MIN, FLEET_WORKLOAD_KINDS, type ExitReason } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { SERVICE, WORKLOAD_INSTANCE, WORKLOAD_PROJECT } from './workload-columns.sql.js';

/** The reasons of exits that are not errors, even with a non-zero exit code. */
const NO_ERROR_REASONS: readonly ExitReason[] = ['completed', 'stopped'];

const UNKNOWN: ExitReason = 'unknown';

/**
 * Matches events that record an exit. A container whose process ended before the host reported it for the first time
 * has only the event `created`. It may have ended long ago, unless the agent saw it end, so that the cause is known, and
 * the host is not new.
 */
const IS_EXIT = Prisma.sql`(e.kind IN ('exited', 'restarted') OR e.kind = 'created' AND e."exitReason" <> ${UNKNOWN} AND (
  SELECT h."enrolledAt" < e."recordedAt" - interval '5 minutes' FROM hosts AS h WHERE h.id = e."hostId"))`;

/**
 * Selects the workloads that exited often enough for a crash loop, from the exits that `errors` selects.
 *
 * - Exits are counted by workload, so that a container that is replaced after each crash is one loop. Workloads of an
 *   orchestrator are counted across hosts (`hostId` is null), and others by host. An event that an earlier version
 *   recorded has no workload and is counted by container (`dockerId` is not null).
 * - Requested and completed exits do not count. Exits of unknown cause count if there are three of them, or if the
 *   engine was restarting the container, which shows that it has a restart policy.
 */
export const repeatedExits = (errors: Prisma.Sql): Prisma.Sql => Prisma.sql`
  SELECT e."workloadKind", e."hostId", e."dockerId", e.project, e.service, e.instance, min(e."recordedAt") AS since
  FROM (
    SELECT e."workloadKind", e.project, e.service, e.instance, e."recordedAt", e."exitReason", e."to",
      CASE WHEN e."workloadKind" IN (${Prisma.join([...FLEET_WORKLOAD_KINDS])}) AND e.service IS NOT NULL
        THEN NULL ELSE e."hostId" END AS "hostId",
      CASE WHEN e."workloadKind" IS NULL OR e.service IS NULL THEN e."dockerId" END AS "dockerId"
    FROM ${errors} AS e
    WHERE (e."exitReason" IS NULL OR e."exitReason" NOT IN (${Prisma.join([...NO_ERROR_REASONS])})) AND ${IS_EXIT}
  ) AS e
  GROUP BY e."workloadKind", e."hostId", e."dockerId", e.project, e.service, e.instance
  HAVING count(*) FILTER (WHERE e."exitReason" IS DISTINCT FROM ${UNKNOWN}) + CASE
    WHEN count(*) FILTER (WHERE e."exitReason" = ${UNKNOWN}) >= ${CRASH_LOOP_EXITS_MIN}::int
      OR bool_or(e."to" = '"restarting"'::jsonb)
    THEN count(*) FILTER (WHERE e."exitReason" = ${UNKNOWN}) ELSE 0 END >= ${CRASH_LOOP_EXITS_MIN}::int`;

/**
 * Selects the newest present container that matches `condition`. A first report can create several at once, so
 * `startedAt` breaks ties.
 */
const newest = (condition: Prisma.Sql) => Prisma.sql`(
    SELECT c."hostId", c."dockerId" FROM containers AS c WHERE c."removedAt" IS NULL AND ${condition}
      AND (SELECT h."deletedAt" IS NULL FROM hosts AS h WHERE h.id = c."hostId")
    ORDER BY c."firstSeenAt" DESC, c."startedAt" DESC NULLS LAST, c."dockerId" LIMIT 1)`;

/**
 * Selects the container that stands for each of the workloads that `loops` (from `repeatedExits`) contains: the newest
 * present one. The index of workloads finds it.
 */
export function loopingContainers(organizationId: string, loops: Prisma.Sql): Prisma.Sql {
  const isOfWorkload = Prisma.sql`c."organizationId" = ${organizationId}
    AND ${SERVICE} = (left(l.service, 200) COLLATE "C")
    AND ${WORKLOAD_PROJECT} = (left(COALESCE(l.project, ''), 200) COLLATE "C")
    AND ${WORKLOAD_INSTANCE} = (left(COALESCE(l.instance, ''), 200) COLLATE "C")
    AND c."workloadKind" = l."workloadKind" AND c.service = l.service
    AND c.project IS NOT DISTINCT FROM l.project AND c.instance IS NOT DISTINCT FROM l.instance`;
  const ofContainer = Prisma.sql`c."hostId" = l."hostId" AND c."dockerId" = l."dockerId"`;
  return Prisma.sql`
    SELECT DISTINCT ON (c."hostId", c."dockerId") c."hostId", c."dockerId", l.since
    FROM ${loops} AS l CROSS JOIN LATERAL (
      ${newest(Prisma.sql`l."dockerId" IS NOT NULL AND ${ofContainer}`)}
      UNION ALL
      ${newest(Prisma.sql`l."dockerId" IS NULL AND l."hostId" IS NOT NULL AND c."hostId" = l."hostId" AND ${isOfWorkload}`)}
      UNION ALL
      ${newest(Prisma.sql`l."dockerId" IS NULL AND l."hostId" IS NULL AND ${isOfWorkload}`)}
    ) AS c
    ORDER BY c."hostId", c."dockerId", l.since`;
}
