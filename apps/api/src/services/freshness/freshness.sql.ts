import { Prisma } from '@muster/db';
import type { Cutoffs, FreshnessCutoffs } from './freshness.js';

/**
 * Returns SQL expressions equivalent to `hostFreshness` and `containersFreshness` for a row of the table `hosts`, with
 * the alias `h`. A test checks that the expressions agree with the functions.
 */
export function freshnessSql(cutoffs: FreshnessCutoffs): {
  host: Prisma.Sql;
  containers: Prisma.Sql;
  /** The freshness according to the agent's silence alone: `online`, `stale` or `offline`. */
  silence: Prisma.Sql;
} {
  const onlineFrom = cutoff(cutoffs, ({ onlineFrom }) => onlineFrom);
  const staleFrom = cutoff(cutoffs, ({ staleFrom }) => staleFrom);
  const freshnessBySilence = (lastSeenAt: Prisma.Sql, online: Prisma.Sql) => Prisma.sql`CASE
    WHEN ${lastSeenAt} >= ${onlineFrom} THEN ${online}
    WHEN ${lastSeenAt} >= ${staleFrom} THEN 'stale'
    ELSE 'offline' END`;
  const isDown = Prisma.sql`h."engineError" IS NOT NULL AND h."lastSeenAt" >= ${onlineFrom}`;
  return {
    silence: freshnessBySilence(Prisma.sql`h."lastSeenAt"`, Prisma.sql`'online'`),
    host: Prisma.sql`CASE
      WHEN h."leftAt" IS NOT NULL THEN 'left'
      WHEN ${isDown} THEN 'engine_down'
      WHEN h."confirmedAt" IS NULL AND h."observedAt" IS NULL THEN CASE
        WHEN h."agentProblems" @> '[{"code": "list_refused"}]' AND h."lastSeenAt" >= ${onlineFrom} THEN 'engine_down'
        ELSE 'never' END
      ELSE ${freshnessBySilence(Prisma.sql`h."lastSeenAt"`, Prisma.sql`'online'`)} END`,
    containers: Prisma.sql`CASE
      WHEN h."leftAt" IS NOT NULL THEN 'left'
      WHEN ${isDown} THEN 'engine_down'
      WHEN h."confirmedAt" IS NULL THEN ${freshnessBySilence(Prisma.sql`h."lastSeenAt"`, Prisma.sql`'stale'`)}
      ELSE ${freshnessBySilence(Prisma.sql`h."confirmedAt"`, Prisma.sql`'online'`)} END`,
  };
}

/**
 * Returns the cutoff for the heartbeat interval of the row's host. The cutoff is a constant if all hosts have the
 * current interval, which is almost always the case.
 */
function cutoff(cutoffs: FreshnessCutoffs, select: (cutoffs: Cutoffs) => Date): Prisma.Sql {
  const currentCutoff = Prisma.sql`${select(cutoffs)}::timestamptz`;
  if (cutoffs.others.length === 0) return currentCutoff;
  const others = cutoffs.others.map(
    (other) => Prisma.sql`WHEN ${other.heartbeatSeconds}::int THEN ${select(other)}::timestamptz`,
  );
  return Prisma.sql`CASE h."heartbeatSeconds" ${Prisma.join(others, ' ')} ELSE ${currentCutoff} END`;
}
