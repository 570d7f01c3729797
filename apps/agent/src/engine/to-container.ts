import {
  COUNT_MAX,
  Instant,
  PORT_IP_LENGTH_MAX,
  STATUS_LENGTH_MAX,
  mergePorts,
  type Container,
  type ContainerExit,
  type Health,
  type Port,
} from '@muster/contracts';
import { toContainerConfig, type ContainerConfig } from './container-config.js';
import type { LastRun } from './exit-reason.js';
import type { InspectedContainer, ListedContainer, ListedPort } from './shapes.js';

/**
 * Facts that only an inspection returns. Docker's list lacks the start time. It also lacks the image's name once the
 * tag has moved to another image. Podman's list lacks the start time, the health and most ports.
 */
export interface Inspected {
  /** The start time (RFC 3339); null if the container never started or the time is unknown. */
  startedAt: string | null;
  health: Health | null;
  /** Null if the container was not inspected. */
  run: LastRun | null;
  /** Number of restarts by the engine; null if it is unknown. */
  restartCount: number | null;
  /** Absent if it is not known. */
  config?: ContainerConfig;
}

/** The facts of a container that was not inspected. */
export const NOT_INSPECTED: Inspected = { startedAt: null, health: null, run: null, restartCount: null };

/** How long engines wait by default between the stop signal and the kill of a container, in seconds. */
const STOP_TIMEOUT_S_DEFAULT = 10;

/** Converts an inspection from the engine's format. */
export function toInspected(reply: InspectedContainer): Inspected {
  const { State, Config, RestartCount } = reply;
  const startedAt = toInstant(State.StartedAt);
  const finishedAt = toInstant(State.FinishedAt);
  const run: LastRun = {
    isRunning: isRunningState(State.Status.toLowerCase()),
    startedAtMs: startedAt === null ? null : Date.parse(startedAt),
    finishedAtMs: finishedAt === null ? null : Date.parse(finishedAt),
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled ?? false,
    error: replaceUnstorable(State.Error),
    stopSignal: Config.StopSignal,
    // Podman before version 5 reports 0 for the default.
    stopTimeoutMs: (Config.StopTimeout || STOP_TIMEOUT_S_DEFAULT) * 1_000,
  };
  return {
    startedAt,
    health: toHealth(State.Health?.Status),
    run,
    restartCount: RestartCount !== null && RestartCount >= 0 && RestartCount <= COUNT_MAX ? RestartCount : null,
    config: toContainerConfig(reply),
  };
}

/**
 * Converts one container from the engine's format to the contract's `Container`. Missing fields get the contract's
 * defaults, and values that the contract does not allow (such as port 0) are omitted. The result is valid except for
 * texts that are too long, which `fitContainer` shortens. `exit` is reported only for a container that the list shows
 * as exited or not started.
 */
export function toContainer(listed: ListedContainer, inspected: Inspected, exit: ContainerExit | null): Container {
  const state = toState(listed.State);
  return {
    dockerId: listed.Id,
    name: toName(listed),
    image: replaceUnstorable(inspected.config?.image || listed.Image || toImageId(listed.ImageID) || '<none>'),
    imageId: toImageId(listed.ImageID),
    command: replaceUnstorable(listed.Command),
    state,
    status: toStatus(listed.Status, state, toHealth(listed.Health?.Status) ?? inspected.health),
    ports: toPorts(listed, inspected.config),
    labels: toLabels(listed.Labels),
    startedAt: inspected.startedAt,
    ...(exit === null || isRunningState(state) ? {} : { exit }),
    ...(inspected.run === null ? {} : { oomKilled: inspected.run.oomKilled }),
    ...(inspected.restartCount === null ? {} : { restartCount: inspected.restartCount }),
  };
}

const isRunningState = (state: string): boolean => state === 'running' || state === 'paused' || state === 'stopping';

/** Returns whether the engine lists the container as created, that is, not started yet or failed to start. */
export const isCreated = ({ State }: Pick<ListedContainer, 'State'>): boolean => toState(State) === 'created';

/**
 * Converts a time from the engine's format to an instant. Returns null for Go's zero time
 * (`0001-01-01T00:00:00Z`) and for invalid values.
 */
export function toInstant(value: string): string | null {
  const parsed = Instant.safeParse(value);
  return parsed.success && !parsed.data.startsWith('0001-01-01') ? parsed.data : null;
}

/**
 * Maps the engine's health status to the contract's. Returns null for any other text. Engines report `none` or `""` for
 * a container without a health check.
 */
export const toHealth = (word: string | undefined): Health | null =>
  word === 'healthy' || word === 'unhealthy' || word === 'starting' ? word : null;

/** Replaces NUL and lone surrogates, which PostgreSQL cannot store. All other characters are kept. */
const replaceUnstorable = (text: string): string => text.replaceAll('\0', '\ufffd').toWellFormed();

const truncate = (text: string, lengthMax: number): string => replaceUnstorable(text.slice(0, lengthMax));

/** Returns the image's id; null for a container without an image, for which Podman reports `sha256:`. */
const toImageId = (id: string): string | null => (id === 'sha256:' ? null : replaceUnstorable(id) || null);

/**
 * Returns the container's own name. An engine prefixes names with a slash and also lists the names that links add
 * (`/other/alias`). For a dead container, the engine may list no name. The short id is used in that case, as in
 * Docker's own output.
 */
export function toName({ Names, Id }: Pick<ListedContainer, 'Names' | 'Id'>): string {
  const names = Names.map((name) => name.replace(/^\//, '')).filter((name) => name !== '');
  return replaceUnstorable(names.find((name) => !name.includes('/')) ?? names[0] ?? Id.slice(0, 12));
}

/**
 * Maps Podman's names for states to Docker's, so that one filter finds containers of both engines. In Podman, a
 * `stopped` container has exited and is not cleaned up yet. `configured` and `initialized` containers were not started.
 * A `stopping` container still runs.
 */
const STATE_BY_PODMAN_WORD: Readonly<Record<string, string>> = {
  stopped: 'exited',
  configured: 'created',
  initialized: 'created',
  stopping: 'running',
};

/** Returns Docker's name for the state, in lower case. An unknown state is only converted to lower case. */
function toState(word: string): string {
  const lower = word.toLowerCase();
  const known = Object.hasOwn(STATE_BY_PODMAN_WORD, lower) ? STATE_BY_PODMAN_WORD[lower]! : lower;
  return replaceUnstorable(known).toLowerCase() || 'unknown';
}

const SUFFIX_BY_HEALTH: Readonly<Record<Health, string>> = {
  healthy: ' (healthy)',
  unhealthy: ' (unhealthy)',
  starting: ' (health: starting)',
};

/**
 * Returns the status text. If the engine reports the health separately, the health is appended in Docker's format, so
 * that the contract's `parseStatus` finds it. Docker's own texts already contain the health.
 */
function toStatus(status: string, state: string, health: Health | null): string {
  const suffix = health !== null && state === 'running' && /^Up [^()]*$/.test(status) ? SUFFIX_BY_HEALTH[health] : '';
  return truncate(status, STATUS_LENGTH_MAX - suffix.length) + suffix;
}

/**
 * Returns the container's ports, with consecutive ports merged into ranges. A container in another container's network
 * has no ports, because they belong to the other container. (Podman lists them for both containers.) Up to version 5.4,
 * Podman lists only published ports, and only the first port of each range. The ports are therefore taken from the
 * inspection.
 */
function toPorts(listed: ListedContainer, config: ContainerConfig | undefined): Port[] {
  if (config?.sharesNetwork === true) return [];
  if ('NetworkingConfig' in listed && config?.ports) return config.ports;
  return mergePorts(listed.Ports.flatMap((port) => (port === null ? [] : toPort(port))));
}

const isPortNumber = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535;

/** Returns an array with the port, or an empty array if the contract does not allow the port. */
function toPort({ IP, PrivatePort, PublicPort, Type }: ListedPort): Port[] {
  const type = (Type || 'tcp').toLowerCase();
  if (!isPortNumber(PrivatePort) || (type !== 'tcp' && type !== 'udp' && type !== 'sctp')) return [];
  const ip = replaceUnstorable(IP);
  return [
    {
      ...(ip === '' || ip.length > PORT_IP_LENGTH_MAX ? {} : { ip }),
      privatePort: PrivatePort,
      ...(isPortNumber(PublicPort) ? { publicPort: PublicPort } : {}),
      type,
    },
  ];
}

/**
 * Returns the labels, with null replaced by an empty text. The object has no prototype, so `__proto__` is an ordinary
 * key.
 */
function toLabels(listed: Readonly<Record<string, unknown>>): Container['labels'] {
  const labels = Object.create(null) as Container['labels'];
  for (const [key, value] of Object.entries(listed)) {
    if (typeof value === 'string' || value === null) labels[replaceUnstorable(key)] = replaceUnstorable(value ?? '');
  }
  return labels;
}
