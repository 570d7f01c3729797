/** Reference: the implementation before `CONTAINER_FIELDS`, which `before-descriptors.test.ts` compares with the one in use. */
import { comparePorts, mergePorts, type EventKind, type EventValue, type Labels, type Port } from '@muster/contracts';
import type { ContainerFacts } from './container-row.js';

/** A change of a container, before it has a host, a time and a position in the history. */
export interface EventDraft {
  dockerId: string;
  name: string;
  kind: EventKind;
  from: EventValue;
  to: EventValue;
  exitCode: number | null;
}

/** States in which the container's process is not running: it ended, or waits to be restarted. */
const ENDED = new Set(['exited', 'dead', 'restarting']);

/**
 * Maximum UTF-16 code units of a text in one event, and maximum number of labels or ports. The container's row has all
 * of them.
 */
const EVENT_TEXT_LENGTH_MAX = 1_024;
const EVENT_ITEMS_MAX = 64;

/**
 * Maximum length of all labels in `from` and `to` of one event, because a thousand containers can change in one
 * snapshot.
 */
const EVENT_LABELS_LENGTH_MAX = 8_192;

/**
 * Returns the event of the container's process between two observations; null if there is none. A new `startedAt` with
 * an unchanged state means that the process was restarted in between.
 */
function processEvent(from: ContainerFacts, to: ContainerFacts): EventKind | null {
  const isNewProcess = to.startedAt !== null && from.startedAt !== null && to.startedAt !== from.startedAt;
  if (from.state === to.state) {
    if (isNewProcess) return 'restarted';
    return ENDED.has(to.state) && from.exitCode !== to.exitCode ? 'exited' : null;
  }
  if (to.state === 'paused') return 'paused';
  if (to.state === 'running') {
    if (from.state === 'paused') return isNewProcess ? 'restarted' : 'unpaused';
    return from.state === 'restarting' ? 'restarted' : 'started';
  }
  // `dead` after `exited` means that the container could not be removed; its process did not end a second time.
  if (to.state === 'dead' && ENDED.has(from.state) && !isNewProcess) return null;
  return ENDED.has(to.state) ? 'exited' : null;
}

/**
 * Whether a change of health is worth an event. Only a running container has a health, so `exited` and `paused` already
 * imply its loss. A new process always begins as `starting`; its first result is the first event.
 */
function isHealthEvent(from: ContainerFacts, to: ContainerFacts): boolean {
  if (to.state !== 'running' || from.health === to.health) return false;
  return from.state === 'running' || to.health === 'healthy' || to.health === 'unhealthy';
}

/**
 * Returns each change between two rows of a container that was present both times. A change of only the age in the
 * status text is not an event. An `updated` event holds only the labels and ports that differ, and long texts are cut.
 */
export function containerChanges(from: ContainerFacts, to: ContainerFacts): EventDraft[] {
  const events: EventDraft[] = [];
  const record = (kind: EventKind, before: EventValue, after: EventValue) => {
    const exitCode = kind === 'exited' || kind === 'restarted' ? to.exitCode : null;
    events.push({ dockerId: to.dockerId, name: to.name, kind, from: before, to: after, exitCode });
  };

  if (from.name !== to.name) record('renamed', from.name, to.name);
  if (from.image !== to.image) record('image_changed', from.image, to.image);

  const process = processEvent(from, to);
  if (process) record(process, from.state, to.state);
  if (isHealthEvent(from, to)) record('health_changed', from.health, to.health);

  const updated = updatedFields(from, to, { besidesProcessEvent: process !== null });
  if (updated) record('updated', updated.from, updated.to);
  return events;
}

interface Updated {
  from: Record<string, unknown>;
  to: Record<string, unknown>;
}

/**
 * Returns the differences that no specific kind of event reports, or null if there are none. Published ports, start
 * and state change with the process, so an event of the process already covers them.
 */
function updatedFields(
  from: ContainerFacts,
  to: ContainerFacts,
  { besidesProcessEvent }: { besidesProcessEvent: boolean },
): Updated | null {
  const updated: Updated = { from: {}, to: {} };
  const add = (fields: { from: Record<string, unknown>; to: Record<string, unknown> }) => {
    Object.assign(updated.from, fields.from);
    Object.assign(updated.to, fields.to);
  };
  const text = (value: string | null) => (value === null ? null : cut(value));

  for (const field of ['imageId', 'command'] as const) {
    if (from[field] !== to[field]) add({ from: { [field]: text(from[field]) }, to: { [field]: text(to[field]) } });
  }
  if (!sameLabels(from.labels, to.labels)) add(differingLabels(from.labels, to.labels));
  if (!besidesProcessEvent) {
    for (const field of ['state', 'startedAt'] as const) {
      if (from[field] !== to[field]) add({ from: { [field]: from[field] }, to: { [field]: to[field] } });
    }
    if (!samePorts(from.ports, to.ports)) {
      // After an upgrade, an agent or engine may list the same ports as ranges or one by one; that is not a change.
      const [before, after] = [mergePorts(from.ports), mergePorts(to.ports)];
      if (!samePorts(before, after)) add(differingPorts(before, after));
    }
  }
  return Object.keys(updated.to).length > 0 ? updated : null;
}

/** Uses `hasOwn` because a label's key may be `constructor`. */
const labelDiffers = (a: Labels, b: Labels) => (key: string) => !Object.hasOwn(b, key) || a[key] !== b[key];

export function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && !keys.some(labelDiffers(a, b));
}

const portKey = ({ ip, privatePort, publicPort = 0, type, count = 1 }: Port) =>
  JSON.stringify([ip ?? null, privatePort, publicPort, type, count]);

/** Compares two lists of ports regardless of their order. */
export function samePorts(a: readonly Port[], b: readonly Port[]): boolean {
  if (a.length !== b.length) return false;
  const inOrder = a.every((port, index) => comparePorts(port, b[index]!) === 0);
  return inOrder || a.map(portKey).sort().join() === b.map(portKey).sort().join();
}

/** Returns the labels that one side lacks or that differ; `omittedLabels` counts those left out. */
function differingLabels(from: Labels, to: Labels): Updated {
  const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  const keys = [...gone, ...Object.keys(to).filter(labelDiffers(to, from))];
  const recordedKeys = keys.slice(0, EVENT_ITEMS_MAX).slice(0, fittingLabels(keys, from, to));
  const pick = (labels: Labels) =>
    Object.fromEntries(
      recordedKeys.flatMap((key) => (Object.hasOwn(labels, key) ? [[cut(key), cut(labels[key]!)]] : [])),
    );
  return {
    from: { labels: pick(from) },
    to: { labels: pick(to), ...omitted('omittedLabels', keys.length - recordedKeys.length) },
  };
}

/** Returns how many of these labels fit into one event; at least 1. */
function fittingLabels(keys: readonly string[], from: Labels, to: Labels): number {
  const lengthOf = (text: string | undefined) => Math.min(text?.length ?? 0, EVENT_TEXT_LENGTH_MAX);
  let length = 0;
  for (const [index, key] of keys.entries()) {
    const own = (labels: Labels) => (Object.hasOwn(labels, key) ? lengthOf(key) + lengthOf(labels[key]) : 0);
    length += own(from) + own(to);
    if (length > EVENT_LABELS_LENGTH_MAX) return Math.max(1, index);
  }
  return keys.length;
}

/** Returns the ports that only one side has; `omittedPorts` counts those left out. */
function differingPorts(from: readonly Port[], to: readonly Port[]): Updated {
  const without = (ports: readonly Port[], others: readonly Port[]) => {
    const known = new Set(others.map(portKey));
    return ports.filter((port) => !known.has(portKey(port)));
  };
  const [removed, added] = [without(from, to), without(to, from)];
  return {
    from: { ports: removed.slice(0, EVENT_ITEMS_MAX) },
    to: {
      ports: added.slice(0, EVENT_ITEMS_MAX),
      ...omitted('omittedPorts', Math.max(removed.length, added.length) - EVENT_ITEMS_MAX),
    },
  };
}

const omitted = (name: string, count: number) => (count > 0 ? { [name]: count } : {});

const cut = (text: string) =>
  text.length > EVENT_TEXT_LENGTH_MAX ? `${text.slice(0, EVENT_TEXT_LENGTH_MAX).toWellFormed()}…` : text;
