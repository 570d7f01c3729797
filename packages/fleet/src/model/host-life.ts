import { between, logBetween, seededRandom, waitMs, type Random } from '@muster/testkit/random';
import { SimulatedContainer, type Role } from './container-life.js';

/** The events of a host itself, in addition to the changes of its containers. */
export type HostEvent =
  | { kind: 'agent-restarted' }
  | { kind: 'network-failed'; untilMs: number }
  | { kind: 'token-rotated' }
  | { kind: 'gone' };

export interface HostLifeOptions {
  seed: number;
  /** The number of the host in its fleet. */
  host: number;
  roles: readonly Role[];
  /** The share of the containers that change in each interval. */
  churn: number;
  /** The server's snapshot interval. */
  intervalMs: number;
  /** Multiplies the frequency of the host's events. */
  faults: number;
}

/** Mean number of events of each kind per host and interval, if `faults` is 1. */
const PER_INTERVAL = { 'agent-restarted': 0.01, 'network-failed': 0.01, 'token-rotated': 0.02, gone: 0.000_5 } as const;
const KINDS = Object.entries(PER_INTERVAL) as [HostEvent['kind'], number][];
const ALL_PER_INTERVAL = KINDS.reduce((sum, [, perInterval]) => sum + perInterval, 0);

const HOUR_MS = 3_600_000;
const UPTIME_MS_MAX = 60 * 24 * HOUR_MS;

/**
 * A host and its containers. Equal options give equal lives, regardless of how often `advance` is called. Times are
 * milliseconds since the simulation's start. The host's own events have their own random generator, so that they do not
 * affect the containers.
 */
export class HostLife {
  /** Ordered by id. Callers must not change the array. */
  readonly containers: SimulatedContainer[];
  private readonly random: Random;
  private readonly eventRandom: Random;
  private changeAtMs: number;
  private eventAtMs: number;
  private dueAtMs: number;

  constructor(private readonly options: HostLifeOptions) {
    const { seed, host, roles } = options;
    const random = (this.random = seededRandom(seed, host, 1));
    this.eventRandom = seededRandom(seed, host, 2);
    const bootMs = -logBetween(random, HOUR_MS, UPTIME_MS_MAX);
    this.containers = roles.map((role) => SimulatedContainer.atStart(role, random, bootMs)).sort(byId);
    this.dueAtMs = firstDueAtMs(this.containers);
    this.changeAtMs = this.changeAfter(0);
    this.eventAtMs = this.eventAfter(0);
  }

  /** Returns the time of the next change or event, or Infinity after the host has left for good. */
  nextAtMs(): number {
    return Math.min(this.changeAtMs, this.dueAtMs, this.eventAtMs);
  }

  /** Advances to `untilMs`. Returns the time of the first container change, the removed containers, and the events. */
  advance(untilMs: number) {
    const removals: Pick<SimulatedContainer, 'dockerId' | 'createdAtMs'>[] = [];
    const events: HostEvent[] = [];
    let changedAtMs: number | null = null;
    for (let atMs = this.nextAtMs(); atMs <= untilMs; atMs = this.nextAtMs()) {
      if (this.eventAtMs === atMs) {
        events.push(this.drawEvent(atMs));
        continue;
      }
      changedAtMs ??= atMs;
      if (this.changeAtMs === atMs) this.changeOne(atMs, removals);
      else for (const container of this.containers) if (container.dueAtMs === atMs) container.proceed();
      this.dueAtMs = firstDueAtMs(this.containers);
    }
    return { changedAtMs, removals, events };
  }

  private changeAfter(atMs: number): number {
    const { churn, roles, intervalMs } = this.options;
    return atMs + waitMs(this.random, (churn * roles.length) / intervalMs);
  }

  private eventAfter(atMs: number): number {
    const { faults, intervalMs } = this.options;
    return atMs + waitMs(this.eventRandom, (ALL_PER_INTERVAL * faults) / intervalMs);
  }

  private drawEvent(atMs: number): HostEvent {
    let share = this.eventRandom() * ALL_PER_INTERVAL;
    const [kind] = KINDS.find(([, perInterval]) => (share -= perInterval) < 0) ?? KINDS[0]!;
    this.eventAtMs = this.eventAfter(atMs);
    if (kind === 'gone') this.changeAtMs = this.dueAtMs = this.eventAtMs = Number.POSITIVE_INFINITY;
    if (kind !== 'network-failed') return { kind };
    // From half an interval to two intervals, which is 30 s to two minutes with the default cadence.
    return { kind, untilMs: atMs + between(this.eventRandom, 0.5, 2) * this.options.intervalMs };
  }

  private changeOne(atMs: number, removals: Pick<SimulatedContainer, 'dockerId' | 'createdAtMs'>[]): void {
    const index = Math.floor(this.random() * this.containers.length);
    const container = this.containers[index]!;
    if (!container.change(atMs)) {
      removals.push({ dockerId: container.dockerId, createdAtMs: container.createdAtMs });
      this.containers[index] = container.successor(atMs);
      this.containers.sort(byId);
    }
    this.changeAtMs = this.changeAfter(atMs);
  }
}

const firstDueAtMs = (containers: readonly SimulatedContainer[]): number =>
  containers.reduce((first, { dueAtMs }) => Math.min(first, dueAtMs), Number.POSITIVE_INFINITY);

const byId = (a: SimulatedContainer, b: SimulatedContainer): number => (a.dockerId < b.dockerId ? -1 : 1);
