import type { Container, Health } from '@muster/contracts';
import { between, logBetween, randomHex, type Random } from '@muster/testkit/random';
import type { StatusFacts } from '@muster/testkit/status-text';

/** The fields that all containers in one place of a host share, however often they are replaced. */
export interface Role {
  readonly container: Pick<Container, 'name' | 'image' | 'imageId' | 'command' | 'ports' | 'labels'>;
  readonly hasHealthCheck: boolean;
}

/** The share of containers that crash again and again. */
const CRASHING_SHARE = 0.005;

/** The share of containers that have exited when the simulation starts. */
const EXITED_SHARE = 0.08;

/** The share of containers that were created after the start of their host. */
const LATER_SHARE = 0.25;

const HOUR_MS = 3_600_000;
const EXIT_CODES = [0, 0, 1, 137, 143] as const;
const CRASH_CODES = [1, 134, 137, 139] as const;

/** The engine's delay before it restarts a crashed container doubles from 100 ms to a minute, as Docker's does. */
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 60_000;

/** A simulated container. Times are milliseconds since the simulation's start; earlier times are negative. */
export class SimulatedContainer implements StatusFacts {
  readonly dockerId: string;
  state: 'running' | 'exited' | 'paused' | 'restarting' = 'running';
  health: Health | null = null;
  exitCode = 0;
  startedAtMs: number;
  finishedAtMs: number;
  /** When the container changes without a cause outside: a health check passes, it crashes, or it is restarted. */
  dueAtMs = Number.POSITIVE_INFINITY;
  /** Its canonical JSON and when that expires; null after a change. */
  text: { json: string; expiresAtMs: number } | null = null;
  /** Consecutive crashes. */
  private crashes = 0;

  private constructor(
    readonly role: Role,
    /** How many containers this one and its predecessors have replaced. */
    readonly release: number,
    readonly isCrashing: boolean,
    readonly createdAtMs: number,
    private readonly random: Random,
  ) {
    this.dockerId = randomHex(random, 64);
    this.startedAtMs = createdAtMs;
    this.finishedAtMs = createdAtMs;
  }

  /** Creates a container as it is when the simulation starts, on a host that was started at `bootMs` (negative). */
  static atStart(role: Role, random: Random, bootMs: number): SimulatedContainer {
    const isCrashing = random() < CRASHING_SHARE;
    const createdAtMs =
      random() < LATER_SHARE ? -logBetween(random, HOUR_MS / 6, -bootMs) : bootMs + between(random, 5_000, 60_000);
    const container = new SimulatedContainer(role, 0, isCrashing, createdAtMs, random);
    if (isCrashing) {
      container.crashes = 10;
      container.crash(-between(random, 1_000, 60_000));
    } else if (random() < EXITED_SHARE) {
      container.exit(createdAtMs * random());
    } else {
      container.settleHealth(role.hasHealthCheck ? 'healthy' : null);
    }
    return container;
  }

  /** Creates and starts a container in the same role, with the next release. */
  successor(atMs: number): SimulatedContainer {
    const next = new SimulatedContainer(this.role, this.release + 1, this.isCrashing, atMs, this.random);
    next.start(atMs);
    return next;
  }

  /** Changes the container at random. Returns false if it must be replaced by its successor instead. */
  change(atMs: number): boolean {
    if (this.isCrashing) return false;
    const chance = this.random();
    if (this.state === 'paused') {
      this.state = 'running';
    } else if (this.state === 'exited') {
      if (chance < 0.3) return false;
      this.start(atMs);
    } else if (chance < 0.25) {
      return false;
    } else if (chance < 0.5 && this.role.hasHealthCheck) {
      this.settleHealth(this.health === 'healthy' ? 'unhealthy' : 'healthy');
    } else if (chance < 0.75) {
      this.start(atMs);
    } else if (chance < 0.95) {
      this.exit(atMs);
    } else {
      this.state = 'paused';
      this.settleHealth(null);
    }
    this.text = null;
    return true;
  }

  /** Does what is due at `dueAtMs`. */
  proceed(): void {
    if (!this.isCrashing) this.settleHealth('healthy');
    else if (this.state === 'running') this.crash(this.dueAtMs);
    else this.start(this.dueAtMs);
    this.text = null;
  }

  private settleHealth(health: Health | null): void {
    this.health = health;
    this.dueAtMs = Number.POSITIVE_INFINITY;
  }

  private start(atMs: number): void {
    this.state = 'running';
    this.startedAtMs = atMs;
    this.settleHealth(this.role.hasHealthCheck ? 'starting' : null);
    if (this.isCrashing) this.dueAtMs = atMs + between(this.random, 500, 5_000);
    else if (this.role.hasHealthCheck) this.dueAtMs = atMs + between(this.random, 2_000, 10_000);
  }

  private exit(atMs: number, codes: readonly number[] = EXIT_CODES): void {
    this.state = 'exited';
    this.exitCode = codes[Math.floor(this.random() * codes.length)]!;
    this.finishedAtMs = atMs;
    this.settleHealth(null);
  }

  private crash(atMs: number): void {
    this.exit(atMs, CRASH_CODES);
    this.state = 'restarting';
    this.dueAtMs = atMs + Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.crashes);
    this.crashes += 1;
  }
}
