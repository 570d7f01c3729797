import { Gauge, type Registry } from 'prom-client';
import type { RetentionService } from './retention.js';

/**
 * Adds gauges that show when each retention step last succeeded, and whether retention is paused because clocks differ.
 */
export function addRetentionMetrics(
  registry: Registry,
  retention: Pick<RetentionService, 'lastSuccesses' | 'isPaused'>,
): void {
  new Gauge({
    name: 'muster_retention_last_success_timestamp_seconds',
    help: 'Unix time at which a retention step last succeeded in any process. Each process updates its value when it runs retention.',
    labelNames: ['step'],
    registers: [registry],
    collect() {
      for (const [step, at] of retention.lastSuccesses()) this.set({ step }, at.getTime() / 1000);
    },
  });
  new Gauge({
    name: 'muster_retention_paused',
    help: "1 while retention deletes nothing because this process's clock and the database's differ by over a minute.",
    registers: [registry],
    collect() {
      this.set(retention.isPaused() ? 1 : 0);
    },
  });
}
