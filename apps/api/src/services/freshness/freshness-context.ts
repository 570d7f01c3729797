import type { Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { FreshnessContext } from './freshness.js';
import { readHeartbeats } from './read-heartbeats.sql.js';
import type { LivenessService } from './liveness.js';

/** Gives what freshness is judged by now. */
export type ReadFreshnessContext = () => Promise<FreshnessContext>;

export function createFreshnessContext(
  db: Database,
  liveness: LivenessService,
  { now, cadence }: { now: () => Date; cadence: Cadence },
): ReadFreshnessContext {
  // Read again as often as the outages are. A heartbeat that no host had yet is given to one that has just called: it
  // is not silent for so long.
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
