import { textTable } from '@muster/testkit/report';
import { latencyOf } from '../latencies.js';
import type { Metrics } from './metrics.js';
import type { verify } from './verify.js';

/** What to simulate, and against which API. */
export interface SimulateOptions {
  url: string;
  key: string;
  hosts: number;
  containers: number;
  churn: number;
  seed: number;
  rampMs: number;
  durationMs: number;
  sockets: number;
  faults: number;
  allow5xx: boolean;
  keep: boolean;
  json: boolean;
}

const DIFFERENCES_SHOWN = 20;

/** The data from which a summary is computed. */
export interface Run {
  options: SimulateOptions;
  /** Seconds from the start of the run until the agents stopped, before the comparisons. */
  seconds: number;
  hosts: { enrolled: number; gone: number };
  metrics: Metrics;
  verification: Awaited<ReturnType<typeof verify>>;
  /** The CPU time and the peak memory of this process. */
  simulator: { cpuSeconds: number; rssMiB: number };
}

/** The result of a run, as printed with `--json`. */
export type Summary = ReturnType<typeof summarize>;

export function summarize({ options, seconds, hosts, metrics, verification, simulator }: Run) {
  const { key: _secret, ...shown } = options;
  const { differences, ...compared } = verification;
  const calls = Object.entries(metrics.calls).flatMap(([kind, { latencies, bytesSent, bytesReceived }]) => {
    const answered = latencies.count;
    if (answered === 0) return [];
    const { p50, p99, max } = latencyOf(latencies);
    const latency = { p50Ms: roundFigure(p50), p99Ms: roundFigure(p99), maxMs: roundFigure(max) };
    const perSecond = roundFigure(answered / seconds);
    return [[kind, { answered, perSecond, ...latency, bytesSent, bytesReceived }] as const];
  });
  const hasServerErrors = [...metrics.statuses.keys()].some((status) => status >= 500);
  return {
    options: shown,
    seconds: roundFigure(seconds),
    hosts,
    calls: Object.fromEntries(calls),
    statuses: Object.fromEntries(metrics.statuses),
    failures: Object.fromEntries(metrics.failures),
    mishaps: Object.fromEntries(metrics.mishaps),
    retries: metrics.retries,
    compared,
    differences: { count: differences.length, first: differences.slice(0, DIFFERENCES_SHOWN) },
    simulator: { cpuSeconds: roundFigure(simulator.cpuSeconds), rssMiB: Math.round(simulator.rssMiB) },
    passed: differences.length === 0 && (options.allow5xx || !hasServerErrors),
  };
}

const roundFigure = (value: number): number => Math.round(value * 10) / 10;

/** Returns the summary as human-readable text. */
export function summaryText(summary: Summary): string {
  const { hosts, seconds, calls, compared, differences, simulator } = summary;
  const rows = Object.entries(calls).map(([kind, call]) => {
    const { bytesSent, bytesReceived, ...figures } = call;
    const sizes = [bytesSent, bytesReceived].map((bytes) => (bytes / 1_048_576).toFixed(1));
    return [kind, ...Object.values(figures).map(String), ...sizes];
  });
  const columns = ['call', 'answered', 'per s', 'p50 ms', 'p99 ms', 'max ms', 'MiB sent', 'MiB received'];
  return [
    `${hosts.enrolled} hosts enrolled, ${hosts.gone} gone for good, ${seconds} s`,
    '',
    textTable({ columns, rows }),
    '',
    `responses by status  ${formatCounts(summary.statuses)}`,
    `no response          ${formatCounts(summary.failures)}`,
    `mishaps              ${formatCounts(summary.mishaps)}`,
    `retries              ${summary.retries}`,
    `this simulator       ${simulator.cpuSeconds} s of CPU, ${simulator.rssMiB} MiB`,
    '',
    `compared ${compared.hosts} hosts, ${compared.containers} containers, ${compared.removed} removed ones and ${compared.events} events: ${differences.count} differences`,
    ...differences.first.map((difference) => `  ${difference}`),
    ...(differences.count > differences.first.length ? ['  …'] : []),
    summary.passed ? 'Passed.' : 'FAILED.',
    '',
  ].join('\n');
}

/** Returns, for example, `200: 31, 503: 2`. */
export const formatCounts = (byName: Readonly<Record<string, number>>): string =>
  Object.entries(byName)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ') || 'none';
