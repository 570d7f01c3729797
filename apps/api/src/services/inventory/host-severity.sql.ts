import { HostProblemCode } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { hasProblem } from '../sync/index.js';

/**
 * The problems that are as severe as an offline host: the stored state is not current, or belongs to another machine.
 */
const SEVERE_PROBLEMS = [
  'engine_unreachable',
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
  'clone_suspected',
] as const satisfies HostProblemCode[];

/**
 * Returns an SQL expression for the severity of a row `h` of hosts, from 0 (its agent left) and 1 (online without
 * problems) to 5.
 */
export function severity(freshness: Prisma.Sql, now: Date): Prisma.Sql {
  return Prisma.sql`(CASE
    WHEN ${freshness} = 'left' THEN 0
    WHEN ${freshness} IN ('offline', 'engine_down') OR ${hasProblem(SEVERE_PROBLEMS, now)} THEN 5
    WHEN ${freshness} = 'stale' THEN 4
    WHEN ${hasProblem(HostProblemCode.options, now)} THEN 3
    WHEN ${freshness} = 'never' THEN 2
    ELSE 1 END)`;
}
