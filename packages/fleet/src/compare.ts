import {
  canonicalContainer,
  parseStatus,
  type Container,
  type ContainerView,
  type Freshness,
  type Host,
} from '@muster/contracts';
import type { Told } from './simulation/told.js';

/*
 * What the API says against what it was told. All of it is pure, and each difference is a sentence.
 */

/** A host's present containers: each that was told is there, equal in all its fields, and no other. */
export function compareContainers(told: Told, views: readonly ContainerView[]): string[] {
  const differences: string[] = [];
  const expected = new Map((told.texts ?? []).map((text) => [idOf(text), text]));
  for (const view of views) {
    const text = expected.get(view.dockerId);
    expected.delete(view.dockerId);
    if (text === undefined) differences.push(`${named(told, view)} is present, and was not sent or is there twice`);
    else differences.push(...compareContainer(text, view).map((what) => `${named(told, view)}: ${what}`));
  }
  for (const text of expected.values()) {
    differences.push(`${named(told, JSON.parse(text) as Container)} was sent, and is not present`);
  }
  return differences;
}

const named = ({ name }: Told, container: Pick<Container, 'dockerId' | 'name'>): string =>
  `${name}, container ${container.name} (${container.dockerId.slice(0, 12)})`;

/** Canonical JSON begins with the id, so that finding it takes no parsing. */
const idOf = (text: string): string => text.slice(text.indexOf(':') + 2, text.indexOf(',') - 1);

function compareContainer(text: string, view: ContainerView): string[] {
  const differences: string[] = [];
  const sent = JSON.parse(text) as Container;
  // Told by the text first: the two are equal nearly always, and then no field has to be looked at.
  if (JSON.stringify(canonicalContainer(view)) !== text) {
    for (const field of Object.keys(sent) as (keyof Container)[]) {
      const [ours, theirs] = [JSON.stringify(sent[field]), JSON.stringify(canonicalContainer(view)[field])];
      if (ours !== theirs) differences.push(`${field} is ${theirs}, and was sent as ${ours}`);
    }
  }
  const { health, exitCode } = parseStatus(sent.status);
  if (view.health !== health) differences.push(`health is ${view.health}, and its status says ${health}`);
  if (view.exitCode !== exitCode) differences.push(`exitCode is ${view.exitCode}, and its status says ${exitCode}`);
  if (view.removedAt !== null) differences.push('it is marked removed among the present ones');
  return differences;
}

/** Containers that went away: each is there, marked removed. */
export function compareRemoved(told: Told, views: readonly ContainerView[]): string[] {
  const byId = new Map(views.map((view) => [view.dockerId, view]));
  return told.removed.flatMap((dockerId) => {
    const view = byId.get(dockerId);
    const who = `${told.name}, container ${dockerId.slice(0, 12)}`;
    if (view === undefined) return [`${who} went away, and is not among the removed`];
    const isRemoved = view.removedAt !== null && view.state === 'exited' && view.status === '';
    return isRemoved ? [] : [`${who} went away, and is ${view.state} "${view.status}", removedAt ${view.removedAt}`];
  });
}

/** A host as the list has it. `readMs`: when the list was read, from and until, by the clock of `told.heard`. */
export function compareHost(told: Told, host: Host | undefined, readMs: { fromMs: number; untilMs: number }): string[] {
  if (host === undefined) return [`${told.name} is not among the hosts`];
  const differences: string[] = [];
  const count = told.texts?.length ?? 0;
  if (host.name !== told.name) differences.push(`${told.name} is called ${host.name}`);
  if (host.containerCount !== count) {
    differences.push(`${told.name} has containerCount ${host.containerCount}, and sent ${count}`);
  }
  const allowed = told.texts === null ? ['never'] : possibleFreshness(told, readMs);
  if (!allowed.includes(host.freshness)) {
    differences.push(`${told.name} is ${host.freshness}, and should be ${allowed.join(' or ')}`);
  }
  return differences;
}

const HEARTBEATS_MISSED_MAX = 3;
const OFFLINE_AFTER_MS = 300_000;

/** What a host can be, given when the API can have heard it last and when it can have been asked. */
export function possibleFreshness(
  { heard, cadence }: Pick<Told, 'heard' | 'cadence'>,
  readMs: { fromMs: number; untilMs: number },
): Freshness[] {
  const graceMs = HEARTBEATS_MISSED_MAX * cadence.heartbeatSeconds * 1_000;
  const [least, most] = [readMs.fromMs - heard.untilMs, readMs.untilMs - heard.fromMs];
  const spans = [
    { freshness: 'online', fromMs: Number.NEGATIVE_INFINITY, untilMs: Math.min(graceMs, OFFLINE_AFTER_MS) },
    { freshness: 'stale', fromMs: graceMs, untilMs: OFFLINE_AFTER_MS },
    { freshness: 'offline', fromMs: OFFLINE_AFTER_MS, untilMs: Number.POSITIVE_INFINITY },
  ] as const;
  return spans.filter(({ fromMs, untilMs }) => most >= fromMs && least <= untilMs).map(({ freshness }) => freshness);
}
