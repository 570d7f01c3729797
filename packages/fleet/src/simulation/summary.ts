import { CALLS, serverErrors, type Call, type Metrics } from './metrics.js';
import type { SimulateOptions } from './options.js';
import type { Verification } from './verify.js';

/** What a run came to; this is what `--json` writes. */
export interface Summary {
  options: Omit<SimulateOptions, 'key'>;
  /** From the first host's start until the fleet was told to end. */
  seconds: number;
  hosts: { enrolled: number; gone: number };
  calls: Partial<Record<Call, CallSummary>>;
  statuses: Record<string, number>;
  failures: Record<string, number>;
  mishaps: Record<string, number>;
  retries: number;
  compared: { hosts: number; containers: number; removed: number };
  differences: { count: number; first: string[] };
  /** This process's own CPU seconds, and its memory at its largest. */
  simulator: { cpuSeconds: number; rssMiB: number };
  passed: boolean;
}

export interface CallSummary {
  answered: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  bytesSent: number;
  bytesReceived: number;
}

const DIFFERENCES_SHOWN = 20;

/** What a summary is drawn from. */
export interface Run extends Pick<Summary, 'seconds' | 'hosts' | 'simulator'> {
  options: SimulateOptions;
  metrics: Metrics;
  verification: Verification;
}

/** Draws the sum of a run. */
export function summarize(run: Run): Summary {
  const { options, seconds, hosts, metrics, verification, simulator } = run;
  const { differences, ...compared } = verification;
  const { key: _secret, ...shown } = options;
  const calls = CALLS.flatMap((call) => {
    const { answered, ms, bytesSent, bytesReceived } = metrics.calls[call];
    if (answered === 0) return [];
    const times = { p50Ms: rounded(ms.quantile(0.5)), p99Ms: rounded(ms.quantile(0.99)), maxMs: rounded(ms.max) };
    return [[call, { answered, perSecond: rounded(answered / seconds), ...times, bytesSent, bytesReceived }] as const];
  });
  return {
    ...{ options: shown, seconds: rounded(seconds), hosts },
    calls: Object.fromEntries(calls),
    statuses: Object.fromEntries(metrics.statuses),
    failures: Object.fromEntries(metrics.failures),
    mishaps: Object.fromEntries(metrics.mishaps),
    ...{ retries: metrics.retries, compared },
    differences: { count: differences.length, first: differences.slice(0, DIFFERENCES_SHOWN) },
    simulator: { cpuSeconds: rounded(simulator.cpuSeconds), rssMiB: Math.round(simulator.rssMiB) },
    passed: differences.length === 0 && (options.allow5xx || serverErrors(metrics) === 0),
  };
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** The summary for people. */
export function summaryText(summary: Summary): string {
  const { hosts, seconds, calls, compared, differences, simulator } = summary;
  const rows = Object.entries(calls).map(([call, each]) =>
    [
      call.padEnd(10),
      `${each.answered}`.padStart(9),
      `${each.perSecond}`.padStart(9),
      `${each.p50Ms}`.padStart(9),
      `${each.p99Ms}`.padStart(9),
      `${each.maxMs}`.padStart(9),
      mebibytes(each.bytesSent).padStart(10),
      mebibytes(each.bytesReceived).padStart(10),
    ].join(''),
  );
  return [
    `${hosts.enrolled} hosts enrolled, ${hosts.gone} gone for good, ${seconds} s`,
    '',
    'call        answered       /s   p50 ms   p99 ms   max ms  MiB sent  MiB recd',
    ...rows,
    '',
    `answers by status    ${counts(summary.statuses)}`,
    `no answer            ${counts(summary.failures)}`,
    `made to go wrong     ${counts(summary.mishaps)}`,
    `tried again          ${summary.retries}`,
    `this simulator       ${simulator.cpuSeconds} s of CPU, ${simulator.rssMiB} MiB`,
    '',
    `compared ${compared.hosts} hosts, ${compared.containers} containers and ${compared.removed} removed ones: ${differences.count} differences`,
    ...differences.first.map((difference) => `  ${difference}`),
    ...(differences.count > differences.first.length ? ['  …'] : []),
    summary.passed ? 'Passed.' : 'FAILED.',
    '',
  ].join('\n');
}

const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

/** `3 of this, 2 of that`. */
export const counts = (byName: Readonly<Record<string, number>>): string =>
  Object.entries(byName)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ') || 'none';
