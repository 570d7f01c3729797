import { Paths } from '@muster/contracts';
import type { RequestHandler } from 'express';
import type { Metrics } from '../services/metrics/index.js';

/** Records each finished request and its duration under the route's path pattern. */
export const measureRequests =
  (metrics: Metrics): RequestHandler =>
  (req, res, next) => {
    const startedAt = res.locals.receivedAt ?? performance.now();
    res.on('close', () => {
      const route = (req.route as { path: string } | undefined)?.path ?? null;
      // A stream lasts as long as its client stays connected, so its duration is not recorded.
      const seconds = route === Paths.stream ? null : (performance.now() - startedAt) / 1000;
      metrics.recordRequest({ method: req.method, route, status: res.headersSent ? res.statusCode : 0, seconds });
    });
    next();
  };
