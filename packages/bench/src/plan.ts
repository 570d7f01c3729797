import type { ChangeKind } from './workload.js';

/** One case of a change: how much of a snapshot differs from the one before, and in what. */
export interface Change {
  kind: ChangeKind;
  percent: number;
}

/** How much work a run is: all that depends on how long one is willing to wait. */
export interface Plan {
  quick: boolean;
  seed: number;
  /** Rounds that count; one more warms up. */
  rounds: number;
  service: {
    sizes: readonly number[];
    changes: readonly Change[];
    concurrencies: readonly number[];
    /** Hosts of each contender, of small snapshots; fewer of large ones. */
    hosts: number;
    /** Milliseconds that a contender's turn in a round should last. */
    turnMs: number;
  };
  http: {
    /** Hosts of each contender, and containers of each host. */
    hosts: number;
    containers: number;
    connections: readonly number[];
    turnMs: number;
    /** Milliseconds in which nobody asks for anything, to see what the log grows by itself. */
    idleMs: number;
    /** Containers of the snapshot that is to stall the event loop, and how often it is sent. */
    stallContainers: number;
    stallRequests: number;
  };
  growth: {
    /** Hosts of each fleet, smallest first, and containers of each host. */
    sizes: readonly number[];
    containers: number;
    connections: number;
    turnMs: number;
    /** Of each read: at most so many requests and so many milliseconds. */
    readRequests: number;
    readMs: number;
  };
  live: {
    hosts: number;
    containers: number;
    connections: number;
    /** Calls a second of all hosts together. */
    pace: number;
    listeners: number;
    turnMs: number;
  };
  tableGrowth: { hosts: number; containers: number; connections: number; snapshotsPerHost: number };
  embedded: { hosts: number; containers: number; connections: number; turnMs: number; warmStarts: number };
}

const CHANGES: readonly Change[] = [
  { kind: 'none', percent: 0 },
  { kind: 'restarted', percent: 2 },
  { kind: 'aged', percent: 2 },
  { kind: 'restarted', percent: 100 },
  { kind: 'aged', percent: 100 },
];

const SEED = 20_260_101;

/** The whole benchmark: about 25 minutes on two cores. */
const FULL: Plan = {
  quick: false,
  seed: SEED,
  rounds: 5,
  service: { sizes: [10, 50, 200, 1_000, 5_000], changes: CHANGES, concurrencies: [1, 4], hosts: 32, turnMs: 250 },
  http: {
    ...{ hosts: 256, containers: 50, connections: [8, 64], turnMs: 2_500, idleMs: 6_000 },
    ...{ stallContainers: 5_000, stallRequests: 10 },
  },
  growth: {
    ...{ sizes: [100, 1_000, 10_000], containers: 50, connections: 32, turnMs: 3_000 },
    ...{ readRequests: 40, readMs: 1_200 },
  },
  // At the default cadence: a heartbeat of each host every ten seconds, a snapshot every sixty.
  live: { hosts: 5_000, containers: 50, connections: 32, pace: 583, listeners: 1_000, turnMs: 12_000 },
  tableGrowth: { hosts: 100, containers: 50, connections: 64, snapshotsPerHost: 1_000 },
  embedded: { hosts: 16, containers: 50, connections: 8, turnMs: 2_000, warmStarts: 3 },
};

/** Small and short, to see that all of it works: its figures say little. */
const QUICK: Plan = {
  quick: true,
  seed: SEED,
  rounds: 2,
  service: {
    sizes: [50],
    changes: CHANGES.filter(({ kind }) => kind !== 'aged'),
    concurrencies: [1],
    hosts: 8,
    turnMs: 120,
  },
  http: {
    ...{ hosts: 64, containers: 50, connections: [8, 64], turnMs: 600, idleMs: 500 },
    ...{ stallContainers: 5_000, stallRequests: 3 },
  },
  growth: {
    ...{ sizes: [20, 200], containers: 50, connections: 16, turnMs: 500 },
    ...{ readRequests: 5, readMs: 100 },
  },
  live: { hosts: 50, containers: 50, connections: 8, pace: 50, listeners: 20, turnMs: 1_500 },
  tableGrowth: { hosts: 20, containers: 50, connections: 16, snapshotsPerHost: 50 },
  embedded: { hosts: 4, containers: 50, connections: 4, turnMs: 400, warmStarts: 1 },
};

/** The plan that the command line asks for. */
export function planOf({
  quick,
  rounds,
  hosts,
}: {
  quick: boolean;
  rounds: number | null;
  hosts: number | null;
}): Plan {
  const plan = quick ? QUICK : FULL;
  return {
    ...plan,
    rounds: rounds ?? plan.rounds,
    service: { ...plan.service, hosts: hosts ?? plan.service.hosts },
    http: { ...plan.http, hosts: hosts ?? plan.http.hosts },
  };
}
