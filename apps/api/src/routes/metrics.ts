import { Operations } from '@muster/contracts';
import { route, type Route } from '../http/route.js';
import type { Metrics } from '../services/metrics/index.js';

/** The route that Prometheus scrapes. */
export const metricsRoutes = (metrics: Metrics): Route[] => [
  route(Operations.getMetrics, async ({ res }) => {
    const { contentType, text } = await metrics.read();
    res.set('Content-Type', contentType).send(text);
  }),
];
