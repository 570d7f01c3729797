import {
  Instant,
  PORT_IP_LENGTH_MAX,
  STATUS_LENGTH_MAX,
  type Container,
  type Health,
  type Port,
} from '@muster/contracts';
import type { ListedContainer, ListedPort } from './shapes.js';

/** What is known of a container from inspecting it: Docker's list has no start time, Podman's no health either. */
export interface Inspected {
  /** RFC 3339, or null: never started, or not known. */
  startedAt: string | null;
  health: Health | null;
}

/** What holds of a container that was never inspected. */
export const NOT_INSPECTED: Inspected = { startedAt: null, health: null };

/**
 * Translates an engine's account of one container into the contract's terms. Whatever the engine says, the result
 * satisfies the contract's `Container`: what is missing gets the contract's default, and what cannot be said there (a
 * port number of 0) is left out. Texts may be over a limit: `fitContainer` shortens them and says so.
 */
export function toContainer(listed: ListedContainer, inspected: Inspected): Container {
  const state = toState(listed.State);
  return {
    dockerId: listed.Id,
    name: toName(listed),
    image: clean(listed.Image || listed.ImageID || '<none>'),
    imageId: clean(listed.ImageID) || null,
    command: clean(listed.Command),
    state,
    status: toStatus(listed.Status, state, toHealth(listed.Health?.Status) ?? inspected.health),
    ports: listed.Ports.flatMap((port) => (port === null ? [] : toPort(port))),
    labels: toLabels(listed.Labels),
    startedAt: inspected.startedAt,
  };
}

/** The engine's start time as an instant, or null for Go's zero time (`0001-01-01T00:00:00Z`) and for nonsense. */
export function toStartedAt(value: string): string | null {
  const parsed = Instant.safeParse(value);
  return parsed.success && !parsed.data.startsWith('0001-01-01') ? parsed.data : null;
}

/** The health word of an engine; null for `none`, `""` and whatever else says that there is no check. */
export const toHealth = (word: string | undefined): Health | null =>
  word === 'healthy' || word === 'unhealthy' || word === 'starting' ? word : null;

/** PostgreSQL stores neither NUL nor half a surrogate pair; what an engine says is kept but for those. */
const clean = (text: string): string => text.replaceAll('\0', '\ufffd').toWellFormed();

const cut = (text: string, lengthMax: number): string => clean(text.slice(0, lengthMax));

/**
 * Returns the container's own name. An engine writes a slash before it, lists the names that links give it beside it
 * (`/other/alias`), and may list none for a dead container: the short id then stands in, as in Docker's own output.
 */
export function toName({ Names, Id }: Pick<ListedContainer, 'Names' | 'Id'>): string {
  const names = Names.map((name) => name.replace(/^\//, '')).filter((name) => name !== '');
  return clean(names.find((name) => !name.includes('/')) ?? names[0] ?? Id.slice(0, 12));
}

/**
 * Podman's words for states that Docker has another word for, so that one filter finds both engines' containers:
 * `stopped` is a container that exited and is not cleaned up yet, `configured` and `initialized` are ones not started.
 */
const STATE_BY_PODMAN_WORD: Readonly<Record<string, string>> = {
  stopped: 'exited',
  configured: 'created',
  initialized: 'created',
};

/** The state in lower case and Docker's vocabulary. A word that neither engine is known to use passes unchanged. */
function toState(word: string): string {
  const lower = word.toLowerCase();
  const known = Object.hasOwn(STATE_BY_PODMAN_WORD, lower) ? STATE_BY_PODMAN_WORD[lower]! : lower;
  return clean(known).toLowerCase() || 'unknown';
}

const SUFFIX_BY_HEALTH: Readonly<Record<Health, string>> = {
  healthy: ' (healthy)',
  unhealthy: ' (unhealthy)',
  starting: ' (health: starting)',
};

/**
 * The status text, with health told separately written into it where Docker would have written it, so that one
 * function of the contract reads the health of any engine. Docker's own texts already have it.
 */
function toStatus(status: string, state: string, health: Health | null): string {
  const suffix = health !== null && state === 'running' && /^Up [^()]*$/.test(status) ? SUFFIX_BY_HEALTH[health] : '';
  return cut(status, STATUS_LENGTH_MAX - suffix.length) + suffix;
}

const isPortNumber = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535;

/** The port as one element, or none where the contract could not say it. */
function toPort({ IP, PrivatePort, PublicPort, Type }: ListedPort): Port[] {
  const type = (Type || 'tcp').toLowerCase();
  if (!isPortNumber(PrivatePort) || (type !== 'tcp' && type !== 'udp' && type !== 'sctp')) return [];
  const ip = clean(IP);
  return [
    {
      ...(ip === '' || ip.length > PORT_IP_LENGTH_MAX ? {} : { ip }),
      privatePort: PrivatePort,
      ...(isPortNumber(PublicPort) ? { publicPort: PublicPort } : {}),
      type,
    },
  ];
}

/** Labels as they are, null read as empty; without a prototype, so that `__proto__` is a key like any other. */
function toLabels(listed: Readonly<Record<string, unknown>>): Container['labels'] {
  const labels = Object.create(null) as Container['labels'];
  for (const [key, value] of Object.entries(listed)) {
    if (typeof value === 'string' || value === null) labels[clean(key)] = clean(value ?? '');
  }
  return labels;
}
