import type { Health } from '@muster/contracts';
import { between, logBetween, randomHex, type Random } from './random.js';
import type { Role } from './roles.js';
import type { StatusFacts } from './status-age.js';

/** A simulated container. Times are milliseconds of the simulation; before its beginning they are negative. */
export interface SimContainer extends StatusFacts {
  readonly dockerId: string;
  readonly role: Role;
  readonly release: number;
  readonly isCrashing: boolean;
  readonly createdAtMs: number;
  /** Crashes in a row, which is what the engine's wait before the next start grows by. */
  crashes: number;
  /** When it does the next thing by itself; infinite where it waits for somebody. */
  dueAtMs: number;
  /** What was last written of it, and until when that holds; null once it changed. */
  written: { json: string; agesAtMs: number } | null;
}

/** The share of containers that crash again and again. */
const CRASHING_SHARE = 0.005;

/** The share of containers that a host begins with stopped. */
const EXITED_SHARE = 0.08;

/** The share of containers that came after their host was set up. */
const LATER_SHARE = 0.25;

const HOUR_MS = 3_600_000;

/** A container as it is when its host is first looked at, `bootMs` (negative) being when the host came up. */
export function settledContainer(role: Role, random: Random, bootMs: number): SimContainer {
  const isCrashing = random() < CRASHING_SHARE;
  const sinceMs =
    random() < LATER_SHARE ? -logBetween(random, HOUR_MS / 6, -bootMs) : bootMs + between(random, 5_000, 60_000);
  const container = newContainer(role, random, { atMs: sinceMs, release: 0, isCrashing });
  if (isCrashing) {
    container.crashes = 10;
    crash(container, -between(random, 1_000, 60_000), random);
  } else if (random() < EXITED_SHARE) {
    exit(container, sinceMs * random(), random);
  } else {
    start(container, sinceMs, random);
    settleHealth(container, role.hasHealthCheck ? 'healthy' : null);
  }
  return container;
}

/** The container that takes the place of another: the same role and a new release, started at `atMs`. */
export function successor(of: SimContainer, random: Random, atMs: number): SimContainer {
  const { role, release, isCrashing } = of;
  const container = newContainer(role, random, { atMs, release: release + 1, isCrashing });
  start(container, atMs, random);
  return container;
}

function newContainer(
  role: Role,
  random: Random,
  { atMs, release, isCrashing }: { atMs: number; release: number; isCrashing: boolean },
): SimContainer {
  // Written out: an object that is spread together costs ten times as much, and there are hundreds of thousands.
  return {
    dockerId: randomHex(random, 64),
    role,
    release,
    isCrashing,
    createdAtMs: atMs,
    state: 'running',
    health: null,
    exitCode: 0,
    startedAtMs: atMs,
    finishedAtMs: atMs,
    crashes: 0,
    dueAtMs: Number.POSITIVE_INFINITY,
    written: null,
  };
}

/**
 * Something happens to it at `atMs`: it is restarted, stopped, started, paused, unpaused, its health changes, or, which
 * `replaced` says, another is to take its place.
 */
export function change(container: SimContainer, atMs: number, random: Random): 'changed' | 'replaced' {
  if (container.isCrashing) return 'replaced';
  const chance = random();
  if (container.state === 'paused') {
    container.state = 'running';
  } else if (container.state === 'exited') {
    if (chance < 0.3) return 'replaced';
    start(container, atMs, random);
  } else if (chance < 0.25) {
    return 'replaced';
  } else if (chance < 0.5 && container.role.hasHealthCheck) {
    settleHealth(container, container.health === 'healthy' ? 'unhealthy' : 'healthy');
  } else if (chance < 0.75) {
    start(container, atMs, random);
  } else if (chance < 0.95) {
    exit(container, atMs, random);
  } else {
    container.state = 'paused';
    settleHealth(container, null);
  }
  container.written = null;
  return 'changed';
}

/** What it does by itself at its `dueAtMs`: its health check passes for the first time, it crashes, it is started again. */
export function proceed(container: SimContainer, random: Random): void {
  const atMs = container.dueAtMs;
  if (!container.isCrashing) settleHealth(container, 'healthy');
  else if (container.state === 'running') crash(container, atMs, random);
  else start(container, atMs, random);
  container.written = null;
}

function settleHealth(container: SimContainer, health: Health | null): void {
  container.health = health;
  container.dueAtMs = Number.POSITIVE_INFINITY;
}

function start(container: SimContainer, atMs: number, random: Random): void {
  container.state = 'running';
  container.startedAtMs = atMs;
  container.health = container.role.hasHealthCheck ? 'starting' : null;
  container.dueAtMs = Number.POSITIVE_INFINITY;
  if (container.isCrashing) container.dueAtMs = atMs + between(random, 500, 5_000);
  else if (container.health !== null) container.dueAtMs = atMs + between(random, 2_000, 10_000);
}

const EXIT_CODES = [0, 0, 1, 137, 143] as const;

function exit(container: SimContainer, atMs: number, random: Random): void {
  container.state = 'exited';
  container.exitCode = EXIT_CODES[Math.floor(random() * EXIT_CODES.length)]!;
  container.finishedAtMs = atMs;
  settleHealth(container, null);
}

const CRASH_CODES = [1, 134, 137, 139] as const;

/** The engine's wait before it starts a crashed container again doubles from 100 ms to a minute, as Docker's does. */
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 60_000;

function crash(container: SimContainer, atMs: number, random: Random): void {
  container.state = 'restarting';
  container.exitCode = CRASH_CODES[Math.floor(random() * CRASH_CODES.length)]!;
  container.finishedAtMs = atMs;
  settleHealth(container, null);
  container.dueAtMs = atMs + Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** container.crashes);
  container.crashes += 1;
}
