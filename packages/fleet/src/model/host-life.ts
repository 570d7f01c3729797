import { change, proceed, settledContainer, successor, type SimContainer } from './container-life.js';
import { between, logBetween, seededRandom, waitMs, type Random } from './random.js';
import type { Role } from './roles.js';

/** What happens to a host as a whole, besides what happens to its containers. */
export type HostEvent =
  | { kind: 'agent-restarted' }
  | { kind: 'network-failed'; untilMs: number }
  | { kind: 'token-rotated' }
  | { kind: 'gone' };

/** A container that was removed. */
export interface Removal {
  dockerId: string;
  createdAtMs: number;
}

/** What came to pass in a stretch of time. `changedAtMs`: the first change of a container; null: none changed. */
export interface Happenings {
  changedAtMs: number | null;
  removals: Removal[];
  events: HostEvent[];
}

/** A host and its containers. Times are milliseconds of the simulation, whose beginning is 0. */
export interface HostLife {
  /** By `dockerId`; the containers are the life's own, to be read alone. */
  readonly containers: readonly SimContainer[];
  /** Lives on until `untilMs`. In how many steps makes no difference. */
  advance(untilMs: number): Happenings;
  /** When something happens next; infinite once the host is gone. */
  nextAtMs(): number;
}

/** What a host's life follows from. */
export interface HostLifeOptions {
  seed: number;
  /** Number of the host in its fleet. */
  host: number;
  roles: readonly Role[];
  /** The share of the containers that change in each interval. */
  churn: number;
  /** The server's interval between two snapshots. */
  intervalMs: number;
  /** Multiplies how often the host's agent restarts, its network fails, its token is rotated, and it goes for good. */
  faults: number;
}

/** Events of each kind in one interval of one host, where `faults` is 1. */
const PER_INTERVAL: Readonly<Record<HostEvent['kind'], number>> = {
  'agent-restarted': 0.01,
  'network-failed': 0.01,
  'token-rotated': 0.02,
  gone: 0.000_5,
};

const HOUR_MS = 3_600_000;
const UPTIME_MS_MAX = 60 * 24 * HOUR_MS;

/** Starts the life of a host. The same options give the same life. */
export function createHostLife({ seed, host, roles, churn, intervalMs, faults }: HostLifeOptions): HostLife {
  const random = seededRandom(seed, host, 1);
  const hostRandom = seededRandom(seed, host, 2);
  const bootMs = -logBetween(random, HOUR_MS, UPTIME_MS_MAX);
  const containers = roles.map((role) => settledContainer(role, random, bootMs)).sort(byId);
  const changesPerMs = (churn * containers.length) / intervalMs;
  let changeAtMs = waitMs(random, changesPerMs);
  let dueAtMs = nextDueAtMs(containers);
  let isGone = false;
  const hostEvents = (Object.keys(PER_INTERVAL) as HostEvent['kind'][]).map((kind) => {
    const perMs = (PER_INTERVAL[kind] * faults) / intervalMs;
    return { kind, perMs, atMs: waitMs(hostRandom, perMs) };
  });

  const nextHostEvent = () => hostEvents.reduce((first, each) => (each.atMs < first.atMs ? each : first));

  function nextAtMs(): number {
    return isGone ? Number.POSITIVE_INFINITY : Math.min(changeAtMs, dueAtMs, nextHostEvent().atMs);
  }

  function changeOne(atMs: number, removals: Removal[]): void {
    const index = Math.floor(random() * containers.length);
    const container = containers[index]!;
    if (change(container, atMs, random) === 'replaced') {
      removals.push({ dockerId: container.dockerId, createdAtMs: container.createdAtMs });
      containers[index] = successor(container, random, atMs);
      containers.sort(byId);
    }
    changeAtMs = atMs + waitMs(random, changesPerMs);
  }

  return {
    containers,
    nextAtMs,
    advance(untilMs) {
      const happened: Happenings = { changedAtMs: null, removals: [], events: [] };
      for (let atMs = nextAtMs(); atMs <= untilMs; atMs = nextAtMs()) {
        const hostEvent = nextHostEvent();
        if (hostEvent.atMs === atMs) {
          happened.events.push(describe(hostEvent.kind, atMs, intervalMs, hostRandom));
          hostEvent.atMs = atMs + waitMs(hostRandom, hostEvent.perMs);
          isGone = hostEvent.kind === 'gone';
          continue;
        }
        happened.changedAtMs ??= atMs;
        if (changeAtMs === atMs) changeOne(atMs, happened.removals);
        else for (const container of containers) if (container.dueAtMs === atMs) proceed(container, random);
        dueAtMs = nextDueAtMs(containers);
      }
      return happened;
    },
  };
}

/** A network fails for half an interval to two: 30 s to two minutes at the default cadence. */
const describe = (kind: HostEvent['kind'], atMs: number, intervalMs: number, random: Random): HostEvent =>
  kind === 'network-failed' ? { kind, untilMs: atMs + between(random, 0.5, 2) * intervalMs } : { kind };

const nextDueAtMs = (containers: readonly SimContainer[]): number =>
  containers.reduce((first, { dueAtMs }) => Math.min(first, dueAtMs), Number.POSITIVE_INFINITY);

const byId = (a: SimContainer, b: SimContainer): number => (a.dockerId < b.dockerId ? -1 : 1);
