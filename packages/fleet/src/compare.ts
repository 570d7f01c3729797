import {
  canonicalContainer,
  parseStatus,
  type Cadence,
  type Container,
  type ContainerView,
  type Freshness,
  type Host,
} from '@muster/contracts';

/** The state that the API must show of a host, according to the snapshots that it acknowledged. */
export interface ExpectedHost {
  name: string;
  hostId: string;
  /** The containers of the last snapshot in canonical JSON; null if no snapshot was acknowledged. */
  containers: readonly string[] | null;
  /** Ids of containers that a snapshot contained and that the last snapshot does not contain. */
  removed: string[];
  /** The API last received something from the host between these times. */
  lastSeen: Span;
  cadence: Cadence;
}

interface Span {
  fromMs: number;
  untilMs: number;
}

/** Returns a sentence for each field of `expected` that differs in `found`. */
function compareFields(who: string, expected: object, found: Record<string, unknown>): string[] {
  return Object.entries(expected).flatMap(([field, value]) => {
    const [ours, theirs] = [JSON.stringify(value), JSON.stringify(found[field])];
    return ours === theirs ? [] : [`${who}: ${field} is ${theirs}, and should be ${ours}`];
  });
}

/** Compares a host's present containers. Each difference is a sentence. */
export function compareContainers(
  { name, containers }: Pick<ExpectedHost, 'name' | 'containers'>,
  views: readonly ContainerView[],
): string[] {
  const who = (container: Pick<Container, 'dockerId' | 'name'>): string =>
    `${name}, container ${container.name} (${container.dockerId.slice(0, 12)})`;
  const sent = (containers ?? []).map((text) => JSON.parse(text) as Container);
  const missing = new Map(sent.map((container) => [container.dockerId, container]));
  const differences = views.flatMap((view) => {
    const container = missing.get(view.dockerId);
    missing.delete(view.dockerId);
    if (container === undefined) return [`${who(view)} is present, and was not sent or is listed twice`];
    const expected = { ...container, ...parseStatus(container.status), removedAt: null };
    return compareFields(who(view), expected, { ...view, ...canonicalContainer(view) });
  });
  return [...differences, ...[...missing.values()].map((each) => `${who(each)} was sent, and is not present`)];
}

/** Checks that removed containers are marked as removed. Each difference is a sentence. */
export function compareRemoved({ name, removed }: ExpectedHost, views: readonly ContainerView[]): string[] {
  const byId = new Map(views.map((view) => [view.dockerId, view]));
  return removed.flatMap((dockerId) => {
    const view = byId.get(dockerId);
    const who = `${name}, container ${dockerId.slice(0, 12)}`;
    if (view === undefined) return [`${who} was removed, and is not listed as removed`];
    const expected = { state: 'exited', status: '', isRemoved: true };
    return compareFields(who, expected, { ...view, isRemoved: view.removedAt !== null });
  });
}

/** Compares a host that was read during `read`, on the clock of `lastSeen`. Each difference is a sentence. */
export function compareHost(expected: ExpectedHost, host: Host | undefined, read: Span): string[] {
  const { name, containers } = expected;
  if (host === undefined) return [`${name} is not listed`];
  const possible = containers === null ? ['never'] : possibleFreshness(expected, read);
  const freshness = possible.includes(host.freshness) ? host.freshness : possible.join(' or ');
  return compareFields(name, { name, containerCount: containers?.length ?? 0, freshness }, { ...host });
}

const HEARTBEATS_MISSED_STALE = 3;
const HEARTBEATS_MISSED_OFFLINE = 10;
const OFFLINE_AFTER_MS_MIN = 300_000;

/** Returns the correct freshness values of a host, given the spans in which it was last seen and read. */
export function possibleFreshness(
  { lastSeen, cadence }: Pick<ExpectedHost, 'lastSeen' | 'cadence'>,
  read: Span,
): Freshness[] {
  const heartbeatMs = cadence.heartbeatSeconds * 1_000;
  const staleAfterMs = HEARTBEATS_MISSED_STALE * heartbeatMs;
  const offlineAfterMs = Math.max(OFFLINE_AFTER_MS_MIN, HEARTBEATS_MISSED_OFFLINE * heartbeatMs);
  const [ageMsMin, ageMsMax] = [read.fromMs - lastSeen.untilMs, read.untilMs - lastSeen.fromMs];
  const possible: Freshness[] = [];
  if (ageMsMin <= staleAfterMs) possible.push('online');
  if (ageMsMax >= staleAfterMs && ageMsMin <= offlineAfterMs) possible.push('stale');
  if (ageMsMax >= offlineAfterMs) possible.push('offline');
  return possible;
}
