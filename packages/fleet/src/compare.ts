import {
  canonicalContainer,
  type Cadence,
  type Container,
  type ContainerEvent,
  type ContainerView,
  type EventKind,
  type EventValue,
  type Freshness,
  type Host,
  type SyncSummary,
} from '@muster/contracts';
import type { SentContainer } from './model/container-life.js';

/** The state of a host that the API must show, according to the snapshots that the API acknowledged. */
export interface ExpectedHost {
  name: string;
  hostId: string;
  /** The containers of the last snapshot; null if no snapshot was acknowledged. */
  containers: readonly SentContainer[] | null;
  /** Ids of containers that an earlier snapshot contained but the last snapshot does not. */
  removed: string[];
  /** The time span in which the API received the host's last request. */
  lastSeen: TimeRange;
  cadence: Cadence;
}

interface TimeRange {
  fromMs: number;
  untilMs: number;
}

/** Returns a sentence for each field of `expected` that differs in `found`. */
function compareFields(who: string, expected: object, found: Record<string, unknown>): string[] {
  return Object.entries(expected).flatMap(([field, value]) => {
    const [ours, theirs] = [JSON.stringify(value), JSON.stringify(found[field])];
    return ours === theirs ? [] : [`${who}: ${field} is ${theirs} but should be ${ours}`];
  });
}

/** Compares a host's present containers. Returns a sentence for each difference. */
export function compareContainers(
  { name, containers }: { name: string; containers: readonly { text: string; derived: object }[] | null },
  views: readonly ContainerView[],
): string[] {
  const who = (container: Pick<Container, 'dockerId' | 'name'>): string =>
    `${name}, container ${container.name} (${container.dockerId.slice(0, 12)})`;
  const sent = (containers ?? []).map(({ text, derived }) => ({ ...(JSON.parse(text) as Container), ...derived }));
  const missing = new Map(sent.map((container) => [container.dockerId, container]));
  const differences = views.flatMap((view) => {
    const container = missing.get(view.dockerId);
    missing.delete(view.dockerId);
    if (container === undefined) return [`${who(view)} is present but was not sent, or is listed twice`];
    const expected = { exit: null, ...container, removedAt: null };
    return compareFields(who(view), expected, { ...view, ...canonicalContainer(view) });
  });
  return [...differences, ...[...missing.values()].map((each) => `${who(each)} was sent but is not present`)];
}

/** Checks that the API marks removed containers as removed. Returns a sentence for each difference. */
export function compareRemoved({ name, removed }: ExpectedHost, views: readonly ContainerView[]): string[] {
  const byId = new Map(views.map((view) => [view.dockerId, view]));
  return removed.flatMap((dockerId) => {
    const view = byId.get(dockerId);
    const who = `${name}, container ${dockerId.slice(0, 12)}`;
    if (view === undefined) return [`${who} was removed but is not listed as removed`];
    const expected = { state: 'exited', status: '', isRemoved: true };
    return compareFields(who, expected, { ...view, isRemoved: view.removedAt !== null });
  });
}

/** The kinds of events whose `from` and `to` are states of a container. */
const STATE_EVENT_KINDS: ReadonlySet<EventKind> = new Set([
  ...(['created', 'started', 'exited', 'restarted', 'paused', 'unpaused', 'removed', 'reappeared', 'looping'] as const),
]);

/** The kinds of events that state why a container's process exited, if it has exited. */
const EXIT_EVENT_KINDS: ReadonlySet<EventKind> = new Set(['created', 'reappeared', 'exited', 'restarted']);

/**
 * Checks that no state event of a container is missing or recorded twice. Each event must start with the state in which
 * the previous event ended, and the last event must end with the present state. For a present container, all events
 * must have its workload, and the last exit must have its reason. `events` are the host's events, oldest first. Returns
 * a sentence for each difference.
 */
export function compareHistory(
  { name, containers, removed }: Pick<ExpectedHost, 'name' | 'containers' | 'removed'>,
  events: readonly Pick<ContainerEvent, 'dockerId' | 'kind' | 'from' | 'to' | 'exitReason' | 'workload'>[],
): string[] {
  const reached = new Map<string, EventValue>();
  const exitReasons = new Map<string, string | null>();
  const present = new Map(
    containers?.map(({ text, derived }) => {
      const { dockerId, state, exit } = JSON.parse(text) as Container;
      return [dockerId, { state, exitReason: exit?.reason, workload: derived.workload }];
    }),
  );
  const differences: string[] = [];
  const whoOf = (dockerId: string): string => `${name}, container ${dockerId.slice(0, 12)}`;
  const compareState = (dockerId: string, state: EventValue, what: string): void => {
    const before = reached.get(dockerId) ?? null;
    if (before === state) return;
    differences.push(`${whoOf(dockerId)}: its history has reached ${JSON.stringify(before)}, but ${what}`);
  };
  for (const { dockerId, kind, from, to, exitReason, workload } of events) {
    const container = present.get(dockerId);
    if (container !== undefined) {
      const who = `${whoOf(dockerId)}, event ${kind}`;
      differences.push(...compareFields(who, { workload: container.workload }, { workload }));
    }
    if (EXIT_EVENT_KINDS.has(kind)) exitReasons.set(dockerId, exitReason);
    if (!STATE_EVENT_KINDS.has(kind)) continue;
    compareState(dockerId, from, `the next event, ${kind}, starts with ${JSON.stringify(from)}`);
    reached.set(dockerId, to);
  }
  for (const [dockerId, { state, exitReason }] of present) {
    compareState(dockerId, state, `it is ${state}`);
    if (exitReason === undefined) continue;
    differences.push(
      ...compareFields(`${whoOf(dockerId)}, its last exit`, { exitReason }, { exitReason: exitReasons.get(dockerId) }),
    );
  }
  for (const dockerId of removed) compareState(dockerId, null, 'it was removed');
  return differences;
}

/** A snapshot's containers in canonical JSON, by `dockerId`. */
export type ContainerTexts = ReadonlyMap<string, string>;

/**
 * Checks the counts in a response to a snapshot. If the containers of the previous snapshot are unknown (`before` is
 * null), checks only the number of received containers. Returns a sentence for each difference.
 */
export function compareCounts(before: ContainerTexts | null, after: ContainerTexts, summary: SyncSummary): string[] {
  const received = after.size;
  if (before === null) return compareFields('response to a snapshot', { received }, { ...summary });
  let [created, updated, unchanged] = [0, 0, 0];
  for (const [dockerId, text] of after) {
    const textBefore = before.get(dockerId);
    if (textBefore === undefined) created += 1;
    else if (textBefore === text) unchanged += 1;
    else updated += 1;
  }
  const removed = before.size - updated - unchanged;
  const expected = { received, created, updated, unchanged, removed };
  return compareFields('response to a snapshot', expected, { ...summary });
}

/**
 * Compares a host with what the API returns for it. `read` is the span in which the host was read, measured with the
 * same clock as `lastSeen`. Returns a sentence for each difference.
 */
export function compareHost(expected: ExpectedHost, host: Host | undefined, read: TimeRange): string[] {
  const { name } = expected;
  if (host === undefined) return [`${name} is not listed`];
  // The counts of a host leave out the infra containers.
  const containers = (expected.containers ?? []).filter(({ derived }) => !derived.isInfra);
  const sent = containers.map(({ text }) => JSON.parse(text) as Container);
  const counts = {
    containerCount: sent.length,
    containersByState: countsOf(sent.map(({ state }) => state)),
    containersByHealth: countsOf(containers.flatMap(({ derived: { health } }) => health ?? [])),
    containersByExitReason: countsOf(sent.flatMap(({ exit }) => exit?.reason ?? [])),
  };
  const found = { ...host, ...Object.fromEntries(COUNT_FIELDS.map((field) => [field, sortByKey(host[field])])) };
  const differences = compareFields(name, { name, ...counts }, found);
  return [...differences, ...compareFreshness(expected, host, read)];
}

const COUNT_FIELDS = ['containersByState', 'containersByHealth', 'containersByExitReason'] as const;

const sortByKey = (counts: Readonly<Record<string, number>>) => Object.fromEntries(Object.entries(counts).sort());

const countsOf = (words: readonly string[]) =>
  sortByKey(
    words.reduce<Record<string, number>>((counts, word) => ({ ...counts, [word]: (counts[word] ?? 0) + 1 }), {}),
  );

/** Compares only the freshness of a host. Returns a sentence for each difference. */
export function compareFreshness(expected: ExpectedHost, host: Host, read: TimeRange): string[] {
  const possible = expected.containers === null ? ['never'] : possibleFreshness(expected, read);
  const freshness = possible.includes(host.freshness) ? host.freshness : possible.join(' or ');
  return compareFields(expected.name, { freshness }, { ...host });
}

const HEARTBEATS_MISSED_STALE = 3;
const HEARTBEATS_MISSED_OFFLINE = 10;
const OFFLINE_AFTER_MS_MIN = 300_000;

/**
 * Returns every freshness that is correct for a host. The host was last seen at some time in the span `lastSeen`, and
 * read at some time in the span `read`.
 */
export function possibleFreshness({ lastSeen, cadence }: Pick<ExpectedHost, 'lastSeen' | 'cadence'>, read: TimeRange) {
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
