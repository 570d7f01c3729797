import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router } from 'express';
import { UnavailableError } from '../errors.js';

/** What balancers and orchestrators ask. `isDraining`: true once this process takes its leave. */
export function createHealthRouter(db: Database, isDraining: () => boolean): Router {
  const router = Router();

  router.get(Paths.health, (_req, res) => {
    res.json({ status: 'ok' });
  });

  router.get(Paths.ready, async (_req, res) => {
    if (isDraining()) throw new UnavailableError('This process is shutting down.');
    await db.ping();
    res.json({ status: 'ready' });
  });
  return router;
}
