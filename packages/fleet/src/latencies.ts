import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

const LATENCY_US_MAX = 3.6e9;

/** Creates a histogram of microseconds, with three significant digits. */
export const createLatencies = (): RecordableHistogram => createHistogram({ highest: LATENCY_US_MAX, figures: 3 });

/**
 * Records a latency in a histogram of microseconds. A latency outside the range of the histogram counts as the nearest
 * limit.
 */
export const recordLatency = (latencies: RecordableHistogram, ms: number): void =>
  latencies.record(Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * 1_000))));

/** Percentiles in milliseconds. */
export type Latency = ReturnType<typeof latencyOf>;

/**
 * Returns percentiles in milliseconds. If there are no values, the percentiles are NaN. The histogram would return 0,
 * which would look like a very good result.
 */
export function latencyOf(latencies: RecordableHistogram) {
  const ms = (us: number) => (latencies.count === 0 ? NaN : us / 1_000);
  const [p50, p95, p99] = [50, 95, 99].map((percent) => ms(latencies.percentile(percent)));
  return { p50: p50!, p95: p95!, p99: p99!, max: ms(latencies.max) };
}
