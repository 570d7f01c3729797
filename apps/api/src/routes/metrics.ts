import { Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import type { Metrics } from '../services/metrics/index.js';

/** Creates the route that Prometheus scrapes. `guard` authorizes the request. */
export function createMetricsRouter({ guard, metrics }: { guard: RequestHandler; metrics: Metrics }): Router {
  const router = Router();

  router.get(Paths.metrics, guard, async (_req, res) => {
    const { contentType, text } = await metrics.read();
    res.set('Content-Type', contentType).send(text);
  });
  return router;
}
