import type { ChangeKind } from '@muster/fleet';
import type { CommandIo } from '@muster/fleet/command-line';
import type { BenchCluster } from './cluster.js';

/** How a snapshot differs from the previous one: the kind of change, and the percentage of containers that change. */
export interface Change {
  kind: ChangeKind;
  percent: number;
}

const CHANGES: readonly Change[] = [
  { kind: 'none', percent: 0 },
  { kind: 'restarted', percent: 2 },
  { kind: 'aged', percent: 2 },
  { kind: 'restarted', percent: 100 },
  { kind: 'aged', percent: 100 },
];

/**
 * The complete benchmark, which takes about 25 minutes on two cores. `hosts` is the number of hosts per contender or
 * fleet, and `containers` the number of containers per host. `turnMs` is the planned duration of a contender's turn in
 * a round.
 */
const FULL = {
  quick: false,
  seed: 20_260_101,
  /** The number of measured rounds. One warm-up round precedes them and does not count. */
  rounds: 5,
  /** `hosts` is the maximum: a contender has fewer hosts if their snapshots are large. */
  service: { sizes: [10, 50, 200, 1_000, 5_000], changes: CHANGES, concurrencies: [1, 4], hosts: 32, turnMs: 250 },
  http: {
    hosts: 256,
    containers: 50,
    connections: [8, 64],
    turnMs: 2_500,
    /** Milliseconds without requests. During this time, the growth of an idle server's write-ahead log is measured. */
    idleMs: 6_000,
    /** The number of containers in a large snapshot. */
    stallContainers: 5_000,
    /** The number of large snapshots that are sent to measure how long each blocks the event loop. */
    stallRequests: 10,
  },
  growth: {
    /** The number of hosts in each fleet, in ascending order. */
    sizes: [100, 1_000, 10_000],
    containers: 50,
    connections: 32,
    turnMs: 3_000,
    /** Each read is repeated at most `readRequests` times, and for at most `readMs`. */
    readRequests: 40,
    readMs: 1_200,
  },
  /**
   * `pace`: calls per second of all hosts together. Each host sends a heartbeat every 10 s and a snapshot every 60 s,
   * which are the defaults.
   */
  live: { hosts: 5_000, containers: 50, connections: 32, pace: 583, listeners: 1_000, turnMs: 12_000 },
  tableGrowth: { hosts: 100, containers: 50, connections: 64, snapshotsPerHost: 1_000 },
  embedded: { hosts: 16, containers: 50, connections: 8, turnMs: 2_000, warmStarts: 3 },
};

export type Plan = typeof FULL;

/** A short trial run, which checks that everything works. Its figures are not reliable. */
const QUICK: Plan = {
  ...FULL,
  quick: true,
  rounds: 2,
  service: {
    ...FULL.service,
    sizes: [50],
    changes: CHANGES.filter(({ kind }) => kind !== 'aged'),
    concurrencies: [1],
    hosts: 8,
    turnMs: 120,
  },
  http: { ...FULL.http, hosts: 64, turnMs: 600, idleMs: 500, stallRequests: 3 },
  growth: { ...FULL.growth, sizes: [20, 200], connections: 16, turnMs: 500, readRequests: 5, readMs: 100 },
  live: { ...FULL.live, hosts: 50, connections: 8, pace: 50, listeners: 20, turnMs: 1_500 },
  tableGrowth: { ...FULL.tableGrowth, hosts: 20, connections: 16, snapshotsPerHost: 50 },
  embedded: { ...FULL.embedded, hosts: 4, connections: 4, turnMs: 400, warmStarts: 1 },
};

/** Returns the plan. `rounds` replaces its number of rounds. */
export function planOf({ quick, rounds }: { quick: boolean; rounds?: number }): Plan {
  const plan = quick ? QUICK : FULL;
  return { ...plan, rounds: rounds ?? plan.rounds };
}

/** The values that each section of the benchmark (`sections/`) receives. */
export interface Bench extends Pick<CommandIo, 'progress'> {
  readonly cluster: BenchCluster;
  readonly plan: Plan;
}
