import type { Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { FreshnessContext } from './freshness.js';
import type { LivenessService } from './liveness.js';

/** Returns the context for determining freshness now. */
export type ReadFreshnessContext = () => Promise<FreshnessContext>;

/** A database of hosts, and the context for determining their freshness. */
export interface FreshnessSource {
  db: Database;
  freshnessContext: ReadFreshnessContext;
}

export function createFreshnessContext(
  db: Database,
  liveness: LivenessService,
  { now, cadence }: { now: () => Date; cadence: Cadence },
): ReadFreshnessContext {
  // The heartbeat intervals of the hosts are cached for as long as `liveness` caches the outages. A host whose interval
  // is not cached yet has just called, so the host is online regardless of its interval.
  let cacheEntry: { readAt: number; heartbeats: Promise<number[]> } | null = null;

  function heartbeats(): Promise<number[]> {
    const at = now().getTime();
    if (cacheEntry !== null && Math.abs(at - cacheEntry.readAt) <= liveness.intervalMs) return cacheEntry.heartbeats;
    const current = { readAt: at, heartbeats: readHeartbeats(db) };
    cacheEntry = current;
    current.heartbeats.catch(() => {
      if (cacheEntry === current) cacheEntry = null;
    });
    return current.heartbeats;
  }

  return async () => {
    const [outages, heartbeatIntervals] = await Promise.all([liveness.outages(), heartbeats()]);
    const otherHeartbeats = heartbeatIntervals.filter(
      (heartbeatSeconds) => heartbeatSeconds !== cadence.heartbeatSeconds,
    );
    return { now: now(), cadence, otherHeartbeats, outages };
  };
}

/** Reads the distinct heartbeat intervals, in seconds, that hosts last received. */
async function readHeartbeats({ prisma }: Database): Promise<number[]> {
  const rows = await prisma.$queryRaw<{ heartbeatSeconds: number }[]>`
    SELECT DISTINCT "heartbeatSeconds" FROM hosts
    WHERE "heartbeatSeconds" IS NOT NULL AND "deletedAt" IS NULL
    ORDER BY 1`;
  return rows.map(({ heartbeatSeconds }) => heartbeatSeconds);
}
