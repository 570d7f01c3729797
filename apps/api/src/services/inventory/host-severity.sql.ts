import { Freshness, FRESHNESS_SEVERITY, HostProblemCode, PROBLEM_SEVERITY } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { hasProblem } from '../sync/index.js';

/**
 * Returns an SQL expression for the severity of a host (table alias `h`), from 0 (its agent left) and 1 (online without
 * problems) to 5.
 */
export function severity(freshness: Prisma.Sql, now: Date): Prisma.Sql {
  // The branches are in descending order, so a branch need not exclude the values of earlier branches.
  const branches = ([5, 4, 3, 2] as const).map((level) => {
    const values = Freshness.options.filter((value) => FRESHNESS_SEVERITY[value] === level);
    const codes = HostProblemCode.options.filter((code) => PROBLEM_SEVERITY[code] === level);
    const conditions = [
      ...(values.length === 0 ? [] : [Prisma.sql`${freshness} IN (${Prisma.join(values)})`]),
      ...(codes.length === 0 ? [] : [hasProblem(codes, now)]),
    ];
    return Prisma.sql`WHEN ${Prisma.join(conditions, ' OR ')} THEN ${level}::int`;
  });
  return Prisma.sql`(CASE WHEN ${freshness} = 'left' THEN 0 ${Prisma.join(branches, ' ')} ELSE 1 END)`;
}
