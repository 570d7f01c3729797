import { pino } from 'pino';
import type { RequestListener } from 'node:http';
import { createAdmissionControl, type AdmissionOptions } from '../src/http/admission-control.js';
import { createMetrics, type Metrics } from '../src/services/metrics/metrics.js';

/** Wraps an application in admission control, as in production. */
export const withAdmission = (
  app: RequestListener,
  options: AdmissionOptions,
  metrics: Metrics = createMetrics(),
): RequestListener =>
  createAdmissionControl(app, options, {
    logger: pino({ level: 'silent' }),
    metrics,
    publicUrl: 'http://127.0.0.1:3000',
    isDraining: () => false,
  });
