import { expect, test } from '@jest/globals';
import { createLatencies, latencyOf, recordLatency } from '../src/latencies.js';
import { increment, Metrics } from '../src/simulation/metrics.js';
import { progressLine } from '../src/simulation/progress.js';
import { summarize, summaryText, type Run, type SimulateOptions } from '../src/simulation/summary.js';

const options: SimulateOptions = {
  ...{ url: 'http://h', key: 'muster_key_secret', hosts: 2, containers: 3, churn: 0, seed: 1, rampMs: 0 },
  ...{ durationMs: 10_000, sockets: 1, faults: 0, allow5xx: false, keep: false, json: false },
};

function run(change: { statuses?: number[]; differences?: string[]; allow5xx?: boolean }): Run {
  const metrics = new Metrics();
  for (const status of change.statuses ?? [200]) increment(metrics.statuses, status);
  for (let i = 1; i <= 50; i++) recordLatency(metrics.calls.snapshot.latencies, i === 50 ? 200 : 20);
  return {
    options: { ...options, allow5xx: change.allow5xx ?? false },
    ...{ metrics, seconds: 10, hosts: { enrolled: 2, gone: 0 }, simulator: { cpuSeconds: 1, rssMiB: 100 } },
    verification: { hosts: 2, containers: 6, removed: 0, events: 8, differences: change.differences ?? [] },
  };
}

test.each([
  [{}, true],
  [{ statuses: [200, 429] }, true],
  [{ statuses: [200, 503] }, false],
  [{ statuses: [200, 503], allow5xx: true }, true],
  [{ differences: ['one'] }, false],
  [{ differences: ['one'], allow5xx: true }, false],
])('a run with %j has passed: %j', (change, passed) => {
  const summary = summarize(run(change));
  expect(summary.passed).toBe(passed);
  expect(summaryText(summary)).toContain(passed ? 'Passed.' : 'FAILED.');
});

test('a summary contains the number of differences and the first twenty differences, but not the API key', () => {
  const differences = Array.from({ length: 30 }, (_, i) => `difference ${i}.`);
  const summary = summarize(run({ differences }));
  expect(summary.differences).toEqual({ count: 30, first: differences.slice(0, 20) });
  expect(summary.calls).toEqual({
    snapshot: expect.objectContaining({ answered: 50, perSecond: 5, p50Ms: 20, p99Ms: 200.1, maxMs: 200.1 }),
  });
  const text = summaryText(summary);
  expect(text).toContain('30 differences');
  expect(text).toContain('difference 19.');
  expect(text).not.toContain('difference 20.');
  expect(JSON.stringify(summary) + text).not.toContain(options.key);
});

test('a progress line shows hosts, rates, latency, errors by kind, retries and intervals', () => {
  const metrics = new Metrics();
  recordLatency(metrics.recent.latencies, 20);
  for (let i = 0; i < 62; i++) increment(metrics.recent.counts, 'snapshot');
  for (let i = 0; i < 498; i++) increment(metrics.recent.counts, 'heartbeat');
  for (const status of [200, 200, 429]) increment(metrics.statuses, status);
  increment(metrics.failures, 'ECONNREFUSED');
  metrics.retries = 2;
  const line = progressLine(metrics, {
    ...{ phase: 'running', enrolled: 4, hosts: 5, cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 } },
    seconds: 5,
  });
  expect(line).toBe(
    'running · 4/5 hosts · 12 snapshots/s · 100 heartbeats/s · p50 20 p99 20 ms · errors 429: 1, ECONNREFUSED: 1 · retries 2 · cadence 10/60 s',
  );
});

test('a percentile is the smallest value that the given share of the values does not exceed', () => {
  const latencies = createLatencies();
  expect(latencyOf(latencies)).toEqual({ p50: NaN, p95: NaN, p99: NaN, max: NaN });
  for (let us = 100; us >= 1; us--) recordLatency(latencies, us / 1_000);
  expect(latencyOf(latencies)).toEqual({ p50: 0.05, p95: 0.095, p99: 0.099, max: 0.1 });
});

test('latencies have three significant digits, and any latency can be recorded', () => {
  const recent = new Metrics().recent.latencies;
  expect([recent.count, recent.percentile(50), recent.max]).toEqual([0, 0, 0]);
  recordLatency(recent, 0);
  recordLatency(recent, 1e12);
  expect(recent.count).toBe(2);
  expect(recent.percentile(50)).toBe(1);
  expect(recent.max).toBeGreaterThanOrEqual(3.6e9);
  recent.reset();
  for (let ms = 1; ms <= 1_000; ms++) recordLatency(recent, ms);
  for (const percent of [1, 50, 99, 100]) {
    expect(recent.percentile(percent)).toBeGreaterThanOrEqual(percent * 10_000);
    expect(recent.percentile(percent)).toBeLessThanOrEqual(percent * 10_000 * 1.001);
  }
});
