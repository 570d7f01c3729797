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
  /** Whether the host has left for good. */
  isGone: boolean;
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

/** Compares a host's present containers. Each difference is a sentence. */
export function compareContainers(expected: ExpectedHost, views: readonly ContainerView[]): string[] {
  const missing = new Map((expected.containers ?? []).map((text) => [idOf(text), text]));
  const differences = views.flatMap((view) => {
    const text = missing.get(view.dockerId);
    missing.delete(view.dockerId);
    const what =
      text === undefined ? [' is present, and was not sent or is there twice'] : compareContainer(text, view);
    return what.map((difference) => describe(expected, view) + difference);
  });
  for (const text of missing.values()) {
    differences.push(`${describe(expected, JSON.parse(text) as Container)} was sent, and is not present`);
  }
  return differences;
}

const describe = ({ name }: ExpectedHost, container: Pick<Container, 'dockerId' | 'name'>): string =>
  `${name}, container ${container.name} (${container.dockerId.slice(0, 12)})`;

/** Canonical JSON starts with the id, which can therefore be read without parsing. */
const idOf = (text: string): string => text.slice(text.indexOf(':') + 2, text.indexOf(',') - 1);

function compareContainer(text: string, view: ContainerView): string[] {
  const differences: string[] = [];
  const sent = JSON.parse(text) as Container;
  const found = canonicalContainer(view);
  // The texts are nearly always equal, and comparing them is cheaper than comparing each field.
  if (JSON.stringify(found) !== text) {
    for (const field of Object.keys(sent) as (keyof Container)[]) {
      const [ours, theirs] = [JSON.stringify(sent[field]), JSON.stringify(found[field])];
      if (ours !== theirs) differences.push(`: ${field} is ${theirs}, and was sent as ${ours}`);
    }
  }
  const { health, exitCode } = parseStatus(sent.status);
  if (view.health !== health) differences.push(`: health is ${view.health}, and its status says ${health}`);
  if (view.exitCode !== exitCode) differences.push(`: exitCode is ${view.exitCode}, and its status says ${exitCode}`);
  if (view.removedAt !== null) differences.push(': it is marked removed among the present ones');
  return differences;
}

/** Checks that the containers that were removed are marked removed. Each difference is a sentence. */
export function compareRemoved({ name, removed }: ExpectedHost, views: readonly ContainerView[]): string[] {
  const byId = new Map(views.map((view) => [view.dockerId, view]));
  return removed.flatMap((dockerId) => {
    const view = byId.get(dockerId);
    const who = `${name}, container ${dockerId.slice(0, 12)}`;
    if (view === undefined) return [`${who} went away, and is not among the removed`];
    const isRemoved = view.removedAt !== null && view.state === 'exited' && view.status === '';
    return isRemoved ? [] : [`${who} went away, and is ${view.state} "${view.status}", removedAt ${view.removedAt}`];
  });
}

/** Compares a host. `read` is when it was read, on the clock of `lastSeen`. Each difference is a sentence. */
export function compareHost(expected: ExpectedHost, host: Host | undefined, read: Span): string[] {
  const { name, containers } = expected;
  if (host === undefined) return [`${name} is not among the hosts`];
  const differences: string[] = [];
  const count = containers?.length ?? 0;
  const freshness = containers === null ? ['never'] : possibleFreshness(expected, read);
  if (host.name !== name) differences.push(`${name} is called ${host.name}`);
  if (host.containerCount !== count) {
    differences.push(`${name} has containerCount ${host.containerCount}, and sent ${count}`);
  }
  if (!freshness.includes(host.freshness)) {
    differences.push(`${name} is ${host.freshness}, and should be ${freshness.join(' or ')}`);
  }
  return differences;
}

const HEARTBEATS_MISSED_MAX = 3;
const OFFLINE_AFTER_MS = 300_000;

/** Returns the freshness values that are right for a host that was last seen, and read, within these times. */
export function possibleFreshness(
  { lastSeen, cadence }: Pick<ExpectedHost, 'lastSeen' | 'cadence'>,
  read: Span,
): Freshness[] {
  const graceMs = HEARTBEATS_MISSED_MAX * cadence.heartbeatSeconds * 1_000;
  const [leastMs, mostMs] = [read.fromMs - lastSeen.untilMs, read.untilMs - lastSeen.fromMs];
  const possible: Freshness[] = [];
  if (leastMs <= Math.min(graceMs, OFFLINE_AFTER_MS)) possible.push('online');
  if (mostMs >= graceMs && leastMs <= OFFLINE_AFTER_MS) possible.push('stale');
  if (mostMs >= OFFLINE_AFTER_MS) possible.push('offline');
  return possible;
}
