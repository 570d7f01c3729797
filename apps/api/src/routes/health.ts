import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router } from 'express';
import { UnavailableError } from '../errors.js';
import { singleFlight } from '../lib/single-flight.js';

/** Milliseconds for which callers share one check of the database. */
const CHECK_INTERVAL_MS = 250;

/** Creates the routes for load balancers and orchestrators. `isDraining`: true once this process shuts down. */
export function createHealthRouter(db: Database, isDraining: () => boolean, elapsedMs: () => number): Router {
  const router = Router();
  const checkDatabase = singleFlight(CHECK_INTERVAL_MS, elapsedMs, () => db.ping());

  router.get(Paths.health, (_req, res) => {
    res.json({ status: 'ok' });
  });

  router.get(Paths.ready, async (_req, res) => {
    if (isDraining()) throw new UnavailableError('This process is shutting down.');
    await checkDatabase();
    res.json({ status: 'ready' });
  });
  return router;
}
