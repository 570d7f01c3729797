import type { Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { FreshnessContext } from './freshness.js';
import type { LivenessService } from './liveness.js';

/** Returns the context by which freshness is judged now. */
export type ReadFreshnessContext = () => Promise<FreshnessContext>;

/** A database of hosts, and the context by which their freshness is judged. */
export interface FreshnessSource {
  db: Database;
  freshnessContext: ReadFreshnessContext;
}

export function createFreshnessContext(
  db: Database,
  liveness: LivenessService,
  { now, cadence }: { now: () => Date; cadence: Cadence },
): ReadFreshnessContext {
  // Cached for as long as the outages are. A heartbeat interval that is missing from the cache was first given to a
  // host that has just called, so it is not needed yet.
  let known: { readAt: number; heartbeats: Promise<number[]> } | null = null;

  function heartbeats(): Promise<number[]> {
    const at = now().getTime();
    if (known !== null && Math.abs(at - known.readAt) <= liveness.intervalMs) return known.heartbeats;
    const current = { readAt: at, heartbeats: readHeartbeats(db) };
    known = current;
    current.heartbeats.catch(() => {
      if (known === current) known = null;
    });
    return current.heartbeats;
  }

  return async () => {
    const [outages, given] = await Promise.all([liveness.outages(), heartbeats()]);
    const otherHeartbeats = given.filter((heartbeatSeconds) => heartbeatSeconds !== cadence.heartbeatSeconds);
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
