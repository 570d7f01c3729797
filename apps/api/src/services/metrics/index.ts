/** Metrics for Prometheus. */
export { addFleetMetrics } from './fleet-metrics.js';
export { addLabelMetrics } from './label-metrics.js';
export { createMetrics, type Metrics } from './metrics.js';
