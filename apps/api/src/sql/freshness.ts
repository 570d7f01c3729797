import { Prisma } from '@muster/db';
import type { FreshnessCutoffs } from '../domain/freshness.js';

/** `hostFreshness` and `containersFreshness` as expressions on a row `h` of hosts; a test holds them equal. */
export function freshnessOf({ onlineFrom, staleFrom }: FreshnessCutoffs): { host: Prisma.Sql; containers: Prisma.Sql } {
  const bySilence = (heardAt: Prisma.Sql, online: Prisma.Sql) => Prisma.sql`CASE
    WHEN ${heardAt} >= ${onlineFrom}::timestamptz THEN ${online}
    WHEN ${heardAt} >= ${staleFrom}::timestamptz THEN 'stale'
    ELSE 'offline' END`;
  const isDown = Prisma.sql`h."engineError" IS NOT NULL AND h."lastSeenAt" >= ${onlineFrom}::timestamptz`;
  return {
    host: Prisma.sql`CASE
      WHEN h."leftAt" IS NOT NULL THEN 'left'
      WHEN ${isDown} THEN 'engine_down'
      WHEN h."confirmedAt" IS NULL AND h."observedAt" IS NULL THEN 'never'
      ELSE ${bySilence(Prisma.sql`h."lastSeenAt"`, Prisma.sql`'online'`)} END`,
    containers: Prisma.sql`CASE
      WHEN h."leftAt" IS NOT NULL THEN 'left'
      WHEN ${isDown} THEN 'engine_down'
      WHEN h."confirmedAt" IS NULL THEN ${bySilence(Prisma.sql`h."lastSeenAt"`, Prisma.sql`'stale'`)}
      ELSE ${bySilence(Prisma.sql`h."confirmedAt"`, Prisma.sql`'online'`)} END`,
  };
}
