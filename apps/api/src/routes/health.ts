import { MUSTER_VERSION, Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { UnavailableError } from '../errors.js';
import { route, type Route } from '../http/route.js';
import { singleFlight } from '../lib/single-flight.js';

/** Milliseconds for which all callers share one check of the database. */
const CHECK_INTERVAL_MS = 250;

/** The routes for load balancers and orchestrators. `isDraining` returns true once this process is shutting down. */
export function healthRoutes(db: Database, isDraining: () => boolean, elapsedMs: () => number): Route[] {
  const checkDatabase = singleFlight(CHECK_INTERVAL_MS, elapsedMs, () => db.ping());
  return [
    route(Operations.isAlive, () => ({ status: 'ok', version: MUSTER_VERSION })),
    route(Operations.isReady, async () => {
      if (isDraining()) throw new UnavailableError('This process is shutting down.');
      await checkDatabase();
      return { status: 'ready' };
    }),
  ];
}
