import { canonicalContainer, parseStatus, type Container, type Health } from '@muster/contracts';
import { between, logBetween, randomHex, type Random } from '@muster/testkit/random';
import { statusText, type StatusFacts } from '@muster/testkit/status-text';
import { NO_PROGRESS, simulateHost } from './workload.js';

/** The properties that a container and its successors share. */
export interface Role {
  /**
   * A template in canonical form. Each container has its own id, state, status and start time, and its own suffix after
   * the image.
   */
  readonly container: Container;
  readonly hasHealthCheck: boolean;
}

/**
 * Returns the roles of a host with `count` containers. All hosts of a fleet have the same roles, because the hosts of a
 * real fleet run the same services.
 */
export const createRoles = (count: number): Role[] =>
  simulateHost({ seed: 1, index: 0, containers: count, mix: 'running' })
    .snapshot(NO_PROGRESS)
    .map((container) => ({
      container: canonicalContainer(container),
      hasHealthCheck: parseStatus(container.status).health !== null,
    }));

/** The share of containers that have exited when the simulation starts. */
const EXITED_SHARE = 0.08;

/** The share of containers that were created after the start of their host. */
const LATER_SHARE = 0.25;

const HOUR_MS = 3_600_000;
const EXIT_CODES = [0, 0, 1, 134, 137, 139, 143] as const;

/** Shortest delay before the engine restarts a container. Docker doubles the delay after each crash. */
const RESTART_MS_MIN = 100;
/** Longest delay before the engine restarts a container. */
const RESTART_MS_MAX = 60_000;

/** A simulated container. Times are milliseconds since the simulation's start; earlier times are negative. */
export class SimulatedContainer implements StatusFacts {
  readonly dockerId: string;
  state: 'running' | 'exited' | 'paused' | 'restarting' = 'running';
  health: Health | null = null;
  exitCode = 0;
  startedAtMs: number;
  finishedAtMs: number;
  /** Time of the next change without an external cause: a health check passes, or the engine restarts the container. */
  dueAtMs = Number.POSITIVE_INFINITY;

  private constructor(
    readonly role: Role,
    /** Number of predecessors. */
    readonly release: number,
    readonly createdAtMs: number,
    private readonly random: Random,
  ) {
    this.dockerId = randomHex(random, 64);
    this.startedAtMs = createdAtMs;
    this.finishedAtMs = createdAtMs;
  }

  /** Creates a container in its state at the start of the simulation. Its host booted at `bootMs`, a negative time. */
  static atStart(role: Role, random: Random, bootMs: number): SimulatedContainer {
    const createdAtMs =
      random() < LATER_SHARE ? -logBetween(random, HOUR_MS / 6, -bootMs) : bootMs + between(random, 5_000, 60_000);
    const container = new SimulatedContainer(role, 0, createdAtMs, random);
    if (random() < EXITED_SHARE) container.exit(createdAtMs * random());
    else container.settleHealth(role.hasHealthCheck ? 'healthy' : null);
    return container;
  }

  /** Creates and starts the container that replaces this one: it has the same role and the next release. */
  successor(atMs: number): SimulatedContainer {
    const next = new SimulatedContainer(this.role, this.release + 1, atMs, this.random);
    next.start(atMs);
    return next;
  }

  /** Changes the container at random. Returns false if it must be replaced by its successor instead. */
  change(atMs: number): boolean {
    const chance = this.random();
    if (this.state === 'paused') {
      this.state = 'running';
    } else if (this.state !== 'running') {
      if (chance < 0.3) return false;
      this.start(atMs);
    } else if (chance < 0.25) {
      return false;
    } else if (chance < 0.5 && this.role.hasHealthCheck) {
      this.settleHealth(this.health === 'healthy' ? 'unhealthy' : 'healthy');
    } else if (chance < 0.75) {
      this.start(atMs);
    } else if (chance < 0.9) {
      this.exit(atMs);
    } else if (chance < 0.95) {
      this.exit(atMs);
      this.state = 'restarting';
      this.dueAtMs = atMs + between(this.random, RESTART_MS_MIN, RESTART_MS_MAX);
    } else {
      this.state = 'paused';
      this.settleHealth(null);
    }
    return true;
  }

  /** Applies the change that is due at `dueAtMs`. */
  proceed(): void {
    if (this.state === 'restarting') this.start(this.dueAtMs);
    else this.settleHealth('healthy');
  }

  /**
   * Returns the canonical JSON of the container at `nowMs`: the role's container is canonical, and the replaced fields
   * keep their places. `epochMs` is the simulation's start, in milliseconds since 1970.
   */
  json(nowMs: number, epochMs: number): string {
    const { dockerId, release, state, startedAtMs } = this;
    const { container } = this.role;
    const image = `${container.image}.${release}`;
    const imageId = `${container.imageId!.slice(0, -4)}${release.toString(16).padStart(4, '0')}`;
    const status = statusText(this, nowMs);
    const startedAt = new Date(epochMs + startedAtMs).toISOString();
    return JSON.stringify({ ...container, dockerId, image, imageId, state, status, startedAt });
  }

  private settleHealth(health: Health | null): void {
    this.health = health;
    this.dueAtMs = Number.POSITIVE_INFINITY;
  }

  private start(atMs: number): void {
    this.state = 'running';
    this.startedAtMs = atMs;
    this.settleHealth(this.role.hasHealthCheck ? 'starting' : null);
    if (this.role.hasHealthCheck) this.dueAtMs = atMs + between(this.random, 2_000, 10_000);
  }

  private exit(atMs: number): void {
    this.state = 'exited';
    this.exitCode = EXIT_CODES[Math.floor(this.random() * EXIT_CODES.length)]!;
    this.finishedAtMs = atMs;
    this.settleHealth(null);
  }
}
