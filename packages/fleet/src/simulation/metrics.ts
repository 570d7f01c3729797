import { createLatencies } from '../latencies.js';

/** The kinds of calls, of agents and of the operator. */
const CALL_KINDS = ['enroll', 'snapshot', 'heartbeat', 'token', 'read', 'admin'] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** The simulated failures of a snapshot. */
export const SNAPSHOT_MISHAPS = ['answer lost', 'sent twice', 'sent late'] as const;
export type SnapshotMishap = (typeof SNAPSHOT_MISHAPS)[number];

/** The simulated failures and changes of a host. */
type HostMishap = 'agent restarted' | 'network failed' | 'token rotated' | 'host gone' | 'enrolled again';

/** Figures of one kind of call. A latency ends with the complete response, and includes the wait for a connection. */
const createCalls = () => ({ latencies: createLatencies(), bytesSent: 0, bytesReceived: 0 });

/** The counts and latencies of a run. */
export class Metrics {
  readonly calls = Object.fromEntries(CALL_KINDS.map((kind) => [kind, createCalls()])) as Readonly<
    Record<CallKind, ReturnType<typeof createCalls>>
  >;
  /** The agents' calls since the previous progress line. */
  readonly recent = { latencies: createLatencies(), counts: new Map<CallKind, number>() };
  /** Responses by status. */
  readonly statuses = new Map<number, number>();
  /** Calls without a response, by error code. */
  readonly failures = new Map<string, number>();
  readonly mishaps = new Map<SnapshotMishap | HostMishap, number>();
  /** Retries of calls without a response, or with status 408, 429 or 5xx. */
  retries = 0;
}

/** Adds 1 to the count of `key`. */
export const increment = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
