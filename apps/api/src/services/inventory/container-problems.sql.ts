import {
  ENDED_STATES,
  ERROR_REASONS,
  UNSTARTED_STATES,
  type ContainerProblemCode,
  type ExitReason,
} from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { healthKey } from '../sync/index.js';
import { or } from './container-columns.sql.js';
import type { Filter } from './container-text.sql.js';
import {
  CRASH_LOOP_MS,
  loopingContainers,
  NO_ERROR_CODES,
  readsAllLoops,
  repeatedExits,
  type LoopConditions,
} from './crash-loops.sql.js';

/**
 * Maximum number of exits with an error that a search for crash loops reads, newest first. The same maximum applies to
 * the looping containers whose exits are not recorded yet.
 */
export const EXITS_READ_MAX = 10_000;

const IS_ENDED = Prisma.sql`c.state IN (${Prisma.join([...ENDED_STATES])})`;

/** The condition that a container's process ended with an exit code that means an error. */
const HAS_ERROR_CODE = Prisma.sql`(${IS_ENDED} AND c."exitCode" NOT IN (${NO_ERROR_CODES}))`;

const hasReason = (...reasons: ExitReason[]) => Prisma.sql`c.exit ->> 'reason' IN (${Prisma.join(reasons)})`;

/** The condition that a container has the problem `failed`, like `isFailed`. */
const IS_FAILED = Prisma.sql`(CASE WHEN c.exit IS NULL THEN ${HAS_ERROR_CODE} ELSE
  (${IS_ENDED} AND ${hasReason(...ERROR_REASONS)})
  OR (c.state IN (${Prisma.join([...UNSTARTED_STATES])}) AND ${hasReason('failed_to_start')}) END)`;

/**
 * For each problem that a container's row alone shows, the condition on the row. At most one of the conditions is true.
 */
export const ROW_PROBLEMS = {
  unhealthy: Prisma.sql`c.health = 'unhealthy'`,
  dead: Prisma.sql`c.state = 'dead'`,
  failed: IS_FAILED,
} as const satisfies Partial<Record<ContainerProblemCode, Prisma.Sql>>;
export type RowProblem = keyof typeof ROW_PROBLEMS;

/**
 * For each of the `ROW_PROBLEMS`, the number of a host's containers that have the problem, as stored in the host's row
 * (alias `h`).
 */
export const PROBLEM_COUNTS = {
  unhealthy: Prisma.sql`COALESCE((h."stateCounts" ->> ${healthKey('unhealthy')})::int, 0)`,
  dead: Prisma.sql`COALESCE((h."stateCounts" ->> 'dead')::int, 0)`,
  failed: Prisma.sql`h."failedCount"`,
} as const satisfies Record<RowProblem, Prisma.Sql>;

export const isRowProblem = (code: ContainerProblemCode): code is RowProblem => Object.hasOwn(ROW_PROBLEMS, code);

/**
 * The condition that a container whose process exited several times can still be in a crash loop. This is the case if
 * the container runs, waits for its restart, or last exited with an error. In all other cases, someone stopped the
 * container. If the cause of an exit is unknown, the exit code decides.
 */
export const MAY_LOOP = Prisma.sql`(c."removedAt" IS NULL AND NOT c."isInfra" AND (c.state IN ('running', 'restarting') OR ${IS_FAILED}
  OR (${HAS_ERROR_CODE} AND ${hasReason('unknown')})))`;

/**
 * Selects the newest events of the last hour with an error exit code, at most `exitsReadMax` events. A partial index
 * contains these events.
 */
export const recentErrors = (
  organizationId: string,
  now: Date,
  exitsReadMax = EXITS_READ_MAX,
): Prisma.Sql => Prisma.sql`
  SELECT e."hostId", e."dockerId", e."workloadKind", e.project, e.service, e.instance,
    e.kind, e."exitReason", e."to", e.exits, e."recordedAt"
  FROM container_events AS e
  WHERE e."organizationId" = ${organizationId} AND e."exitCode" NOT IN (${NO_ERROR_CODES})
    AND e."recordedAt" > ${new Date(now.getTime() - CRASH_LOOP_MS)}::timestamptz
  ORDER BY e."recordedAt" DESC LIMIT ${exitsReadMax}::int`;

/** Returns whether the search for crash loops reads all exits with an error of the last hour. */
export async function isCrashLoopSearchComplete(
  { prisma }: Database,
  organizationId: string,
  now: Date,
  exitsReadMax = EXITS_READ_MAX,
): Promise<boolean> {
  const [found] = await prisma.$queryRaw<{ isComplete: boolean }[]>(Prisma.sql`
    SELECT count(*) < ${exitsReadMax}::int AND ${readsAllLoops(organizationId, exitsReadMax)} AS "isComplete"
    FROM (${recentErrors(organizationId, now, exitsReadMax)}) AS e`);
  return found?.isComplete === true;
}

/**
 * Returns the filter for containers with one of these problems. Containers in a crash loop are found through their exit
 * events, and the others through the problem counts of their hosts.
 */
export function problemFilter(
  codes: readonly ContainerProblemCode[],
  organizationId: string,
  { now, isOnline, hostId }: Omit<LoopConditions, 'mayLoop'> & { now: Date },
): Filter {
  const conditions = { mayLoop: MAY_LOOP, isOnline, hostId };
  const loops = Prisma.sql`
    WITH errors AS MATERIALIZED (${recentErrors(organizationId, now)}),
    repeated AS MATERIALIZED (${repeatedExits(Prisma.sql`errors`, organizationId, now, EXITS_READ_MAX)})
    SELECT "hostId", "dockerId" FROM (${loopingContainers(organizationId, Prisma.sql`repeated`, conditions)}) AS loops`;
  const isLooping = Prisma.sql`${MAY_LOOP} AND (c."hostId", c."dockerId") IN (${loops})`;
  const matches = or(codes.map((code) => (isRowProblem(code) ? ROW_PROBLEMS[code] : isLooping)));
  const counts = codes.filter(isRowProblem).map((code) => Prisma.sql`${PROBLEM_COUNTS[code]} > 0`);
  if (counts.length === 0) return { matches, indexed: [isLooping], isExact: true };
  if (counts.length < codes.length) counts.push(Prisma.sql`h.id IN (SELECT "hostId" FROM (${loops}) AS loops)`);
  return { matches, hostCondition: or(counts) };
}
