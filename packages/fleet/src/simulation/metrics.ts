import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** The kinds of calls: those of the agents, and the operator's. */
export const CALLS = ['enroll', 'snapshot', 'heartbeat', 'token', 'read', 'admin'] as const;
export type CallKind = (typeof CALLS)[number];

/** Injected faults, and what happened to hosts. */
export type Mishap =
  | 'answer lost'
  | 'sent twice'
  | 'sent late'
  | 'agent restarted'
  | 'network failed'
  | 'token rotated'
  | 'host gone'
  | 'enrolled again';

const LATENCY_US_MAX = 3.6e9;

/** Creates a histogram of microseconds, with three significant digits. */
const createLatencies = () => createHistogram({ highest: LATENCY_US_MAX, figures: 3 });

/** Records a latency in a histogram of microseconds. Those outside of its range count as its limit. */
export const recordLatency = (latencies: RecordableHistogram, ms: number): void =>
  latencies.record(Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * 1_000))));

/** The counts of a run. */
export class Metrics {
  /** By kind. A latency ends with the complete response, and includes the wait for a free connection. */
  readonly calls = Object.fromEntries(
    CALLS.map((kind) => [kind, { latencies: createLatencies(), bytesSent: 0, bytesReceived: 0 }]),
  ) as Record<CallKind, { readonly latencies: RecordableHistogram; bytesSent: number; bytesReceived: number }>;
  /** Latencies of the agents' calls since progress was last shown. */
  readonly recent = createLatencies();
  /** Responses by status. */
  readonly statuses = new Map<number, number>();
  /** Calls without a response, by error code. */
  readonly failures = new Map<string, number>();
  readonly mishaps = new Map<Mishap, number>();
  /** Retries after no response, or after 408, 429 or 5xx. */
  retries = 0;

  /** Number of 5xx responses. */
  get serverErrors(): number {
    return [...this.statuses].reduce((sum, [status, count]) => (status >= 500 ? sum + count : sum), 0);
  }
}

/** Adds 1 to the count of `key`. */
export const increment = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
