import { createHistogram, type Histogram } from './histogram.js';

/** The calls that are told apart: those of agents, and what the simulator asks as an operator. */
export const CALLS = ['enroll', 'snapshot', 'heartbeat', 'token', 'read', 'admin'] as const;
export type Call = (typeof CALLS)[number];

/** What went wrong on purpose, and what happened to hosts. */
export type Mishap =
  | 'answer lost'
  | 'sent twice'
  | 'sent late'
  | 'agent restarted'
  | 'network failed'
  | 'token rotated'
  | 'host gone'
  | 'enrolled again';

/** One kind of call. Milliseconds are from handing it over to the whole answer, a wait for a free connection included. */
export interface CallMetrics {
  answered: number;
  readonly ms: Histogram;
  bytesSent: number;
  bytesReceived: number;
}

/** What a run counts. */
export interface Metrics {
  readonly calls: Readonly<Record<Call, CallMetrics>>;
  /** Agents' answers since the last look of whoever shows the progress. */
  readonly recentMs: Histogram;
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** Calls that got no answer, by what the system said. */
  readonly failures: Map<string, number>;
  readonly mishaps: Map<Mishap, number>;
  /** Tries again of what was not answered, or answered with 429, 408 or 5xx. */
  retries: number;
}

/** Nothing counted yet. */
export function createMetrics(): Metrics {
  const entries = CALLS.map((call) => [
    call,
    { answered: 0, ms: createHistogram(), bytesSent: 0, bytesReceived: 0 } satisfies CallMetrics,
  ]);
  return {
    calls: Object.fromEntries(entries) as Record<Call, CallMetrics>,
    recentMs: createHistogram(),
    statuses: new Map(),
    failures: new Map(),
    mishaps: new Map(),
    retries: 0,
  };
}

/** Counts one more. */
export const tally = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

/** How many answers were 5xx. */
export const serverErrors = ({ statuses }: Metrics): number =>
  [...statuses].reduce((sum, [status, count]) => (status >= 500 ? sum + count : sum), 0);
