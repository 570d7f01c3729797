import {
  CONTAINER_FIELDS,
  fieldsWith,
  isImageId,
  mergePorts,
  type ContainerFieldName,
  type EventKind,
  type EventValue,
  type ExitReason,
  type FieldKind,
  type FieldValues,
  type Labels,
  type Port,
} from '@muster/contracts';
import type { ContainerFacts, WorkloadColumns } from './container-row.js';
import { labelDiffers, portKey, arePortsEqual, sameValues } from './field-comparison.js';

/** A change to a container, before the change is assigned a host, a time and a position in the history. */
export interface EventDraft extends WorkloadColumns {
  dockerId: string;
  name: string;
  kind: EventKind;
  from: EventValue;
  to: EventValue;
  exitCode: number | null;
  /** Why the process ended, for the events of an exit; null if it is not known. */
  exitReason: ExitReason | null;
  /** The container's image, for `created`, `reappeared` and `removed`; null for all other events. */
  image: string | null;
  /** The exits that a `looping` event stands for. */
  exits?: StoredLoopExits;
  /** Number of times that the process ended; absent if nothing happened to the process. */
  processExits?: number;
  /**
   * Present if the event recurs with each restart. Such an event is left out of the history while the container is
   * looping.
   */
  inLoop?: true;
}

/** The exits of a loop as the column `exits` of an event stores them. */
export interface StoredLoopExits {
  count: number;
  first: string;
  last: string;
  /**
   * The exits by code and reason. `recordedAt` is the time of the last of these exits, according to the API's clock.
   */
  codes: Readonly<
    Record<string, { code: number | null; reason: ExitReason | null; count: number; recordedAt: string }>
  >;
}

/** The kinds of events that record how the container's process ended, if it had ended. */
const EXIT_KINDS: ReadonlySet<EventKind> = new Set(['created', 'reappeared', 'exited', 'restarted', 'removed']);

/** Creates an event of a container. */
export const toEventDraft = (
  kind: EventKind,
  { dockerId, name, exit, workloadKind, project, service, instance }: ContainerFacts,
  { from, to, exitCode, image = null }: Pick<EventDraft, 'from' | 'to' | 'exitCode'> & { image?: string | null },
): EventDraft => ({
  dockerId,
  name,
  kind,
  from,
  to,
  exitCode,
  exitReason: (EXIT_KINDS.has(kind) && exit?.reason) || null,
  workloadKind,
  project,
  service,
  instance,
  image,
});

/** States in which the container's process is not running, because it has ended or is waiting to be restarted. */
const ENDED_STATES = new Set(['exited', 'dead', 'restarting']);

/** Maximum length of a text in one event, in UTF-16 code units. The container's row contains the complete text. */
const EVENT_TEXT_LENGTH_MAX = 1_024;

/** Maximum number of labels or ports in one event. The container's row contains all labels and ports. */
const EVENT_ITEMS_MAX = 64;

/**
 * Maximum total length of the labels in `from` and `to` of one event. There is a limit because a thousand containers
 * can change in one snapshot.
 */
const EVENT_LABELS_LENGTH_MAX = 8_192;

/** Returns whether the agent reported the facts of an inspection for the first time. */
const isFirstInspected = (from: ContainerFacts, to: ContainerFacts): boolean =>
  typeof from.oomKilled !== 'boolean' && typeof to.oomKilled === 'boolean';

/** Returns whether the engine has failed to start the container since the earlier observation. */
const isNewStartFailure = ({ exit: from }: ContainerFacts, { exit: to }: ContainerFacts): boolean =>
  to?.reason === 'failed_to_start' &&
  (from?.reason !== 'failed_to_start' || from.finishedAt !== to.finishedAt || from.error !== to.error);

/**
 * Returns what happened to a container's process between two observations; null if nothing did. A new `startedAt` with
 * an unchanged state means that the process was restarted in between.
 */
function processEvent(from: ContainerFacts, to: ContainerFacts): EventKind | null {
  const isNewProcess = to.startedAt !== null && from.startedAt !== null && to.startedAt !== from.startedAt;
  if (from.state === to.state) {
    if (isNewProcess) return 'restarted';
    // After an upgrade, an agent reports exits that it did not report before. Nothing has happened to the containers.
    if (from.exitCode === null && isFirstInspected(from, to)) return null;
    return (ENDED_STATES.has(to.state) && from.exitCode !== to.exitCode) || isNewStartFailure(from, to)
      ? 'exited'
      : null;
  }
  if (to.state === 'paused') return 'paused';
  if (to.state === 'running') {
    if (from.state === 'paused') return isNewProcess ? 'restarted' : 'unpaused';
    return from.state === 'restarting' ? 'restarted' : 'started';
  }
  // If the state changes from `exited` to `dead`, the container could not be removed. The container's process did not
  // end again.
  if (to.state === 'dead' && ENDED_STATES.has(from.state) && !isNewProcess) return null;
  return ENDED_STATES.has(to.state) ? 'exited' : null;
}

/**
 * Returns true if a change of health needs an event. Only a running container has a health, so the events `exited` and
 * `paused` already imply that the health is gone. The health always begins as `starting` after a start of the
 * container, so the first health event is the result of the first check.
 */
function isHealthEvent(from: ContainerFacts, to: ContainerFacts): boolean {
  if (to.state !== 'running' || from.health === to.health) return false;
  return from.state === 'running' || to.health === 'healthy' || to.health === 'unhealthy';
}

/**
 * Returns true if a container has another image. After a tag was moved or removed, Docker's list contains the image's
 * id instead of its name, and earlier agents reported this id. An id in place of a name does not show that the image
 * has changed, so `imageId` decides.
 */
function isOtherImage(from: ContainerFacts, to: ContainerFacts): boolean {
  if (from.image === to.image) return false;
  if (isImageId(from.image) && isImageId(to.image)) return false;
  return from.imageId !== to.imageId || !(isImageId(from.image) || isImageId(to.image));
}

/**
 * Returns all changes between two rows of a container that is present in both. If only the age in the status text
 * differs, there is no event. An `updated` event contains only the labels and ports that differ, and long texts are
 * truncated.
 */
export function containerChanges(from: ContainerFacts, to: ContainerFacts): EventDraft[] {
  const events: EventDraft[] = [];
  const record = (kind: EventKind, before: EventValue, after: EventValue): EventDraft => {
    const isExit = kind === 'exited' || kind === 'restarted';
    const event = toEventDraft(kind, to, { from: before, to: after, exitCode: isExit ? to.exitCode : null });
    events.push(event);
    return event;
  };

  if (from.name !== to.name) record('renamed', from.name, to.name);
  if (isOtherImage(from, to)) record('image_changed', from.image, to.image);

  const process = processEvent(from, to);
  if (process) {
    const event = record(process, from.state, to.state);
    if (process !== 'paused' && process !== 'unpaused') {
      event.processExits = exitsBetween(process, from, to);
      event.inLoop = true;
    }
  }
  if (isHealthEvent(from, to)) record('health_changed', from.health, to.health).inLoop = true;

  const updated = updatedFields(from, to, { besidesProcessEvent: process !== null });
  if (updated) {
    const event = record('updated', updated.from, updated.to);
    if (Object.keys(updated.from).every((name) => FIELDS_OF_A_RUN.has(name))) event.inLoop = true;
  }
  return events;
}

/**
 * Returns how often a container's process ended between two observations: at least once if the event shows an end, and
 * more often if the engine's restart count shows further restarts.
 */
function exitsBetween(process: EventKind, from: ContainerFacts, to: ContainerFacts): number {
  const [hadEnded, hasEnded] = [from, to].map(({ state }) => Number(ENDED_STATES.has(state))) as [number, number];
  const isOnlyStart = process === 'started' || (from.state === 'restarting' && to.state === 'running');
  const restarts = (to.restartCount ?? 0) - (from.restartCount ?? to.restartCount ?? 0);
  return Math.max(isOnlyStart ? 0 : 1, restarts + hasEnded - hadEnded);
}

interface UpdateContent {
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
): UpdateContent | null {
  let updated: UpdateContent | null = null;
  const add = ({ name, same, difference }: ReturnType<typeof toDifference>) => {
    if (same(from[name], to[name])) return;
    const fields = difference(name, from[name], to[name]);
    if (fields === null) return;
    updated = updated ?? { from: {}, to: {} };
    Object.assign(updated.from, fields.from);
    Object.assign(updated.to, fields.to);
  };
  for (const field of UPDATED_FIELDS) add(field);
  if (!besidesProcessEvent) for (const field of FIELDS_UPDATED_ALONE) add(field);
  return updated;
}

/**
 * Returns the labels that one side lacks or that differ. `omittedLabels` is the number of labels that do not fit into
 * the event.
 */
function differingLabels(name: ContainerFieldName, from: Labels, to: Labels): UpdateContent {
  const removedKeys = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  const keys = [...removedKeys, ...Object.keys(to).filter(labelDiffers(to, from))];
  const recordedKeys = keys.slice(0, EVENT_ITEMS_MAX).slice(0, fittingLabels(keys, from, to));
  const pick = (labels: Labels) =>
    Object.fromEntries(
      recordedKeys.flatMap((key) => (Object.hasOwn(labels, key) ? [[truncate(key), truncate(labels[key]!)]] : [])),
    );
  return {
    from: { [name]: pick(from) },
    to: { [name]: pick(to), ...omittedCount(name, keys.length - recordedKeys.length) },
  };
}

/** Returns the number of these labels that fit into one event; at least 1. */
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

/** Returns the ports that only one side has, like `differingItems`. `omittedPorts` is the number of omitted ports. */
function differingPorts(
  name: ContainerFieldName,
  fromPorts: readonly Port[],
  toPorts: readonly Port[],
): UpdateContent | null {
  // Ports that are listed as a range equal the same ports listed one by one. After an upgrade, an agent or engine may
  // use the other form. For a port that is published on all addresses, Podman up to version 5.4 lists no address, and
  // Podman 5.8 and newer list `0.0.0.0`.
  const [from, to] = [mergePorts(fromPorts.map(withAddress)), mergePorts(toPorts.map(withAddress))];
  return arePortsEqual(from, to) ? null : differingItems(name, from, to, portKey);
}

const withAddress = (port: Port): Port =>
  port.publicPort === undefined || port.ip !== undefined ? port : { ip: '0.0.0.0', ...port };

/**
 * Returns the items that only one side has. If one side has more items than fit into the event, also returns the number
 * of omitted items: the higher number of the two sides.
 */
function differingItems<Item>(
  name: ContainerFieldName,
  from: readonly Item[],
  to: readonly Item[],
  keyOf: (item: Item) => string,
): UpdateContent {
  const without = (items: readonly Item[], others: readonly Item[]) => {
    const known = new Set(others.map(keyOf));
    return items.filter((item) => !known.has(keyOf(item)));
  };
  const [removed, added] = [without(from, to), without(to, from)];
  return {
    from: { [name]: removed.slice(0, EVENT_ITEMS_MAX) },
    to: {
      [name]: added.slice(0, EVENT_ITEMS_MAX),
      ...omittedCount(name, Math.max(removed.length, added.length) - EVENT_ITEMS_MAX),
    },
  };
}

const omittedCount = (name: ContainerFieldName, count: number) =>
  count > 0 ? { [`omitted${name[0]!.toUpperCase()}${name.slice(1)}`]: count } : {};

const truncate = (text: string) =>
  text.length > EVENT_TEXT_LENGTH_MAX ? `${text.slice(0, EVENT_TEXT_LENGTH_MAX).toWellFormed()}…` : text;

const truncateOrNull = (text: string | null) => (text === null ? null : truncate(text));

const singleValue = (name: ContainerFieldName, from: unknown, to: unknown): UpdateContent => ({
  from: { [name]: from ?? null },
  to: { [name]: to ?? null },
});

/**
 * For each kind of field, the function that returns the content of an `updated` event for two values; null if the
 * values are equivalent.
 */
const DIFFERENCE_BY_KIND: {
  [Kind in FieldKind]: (
    name: ContainerFieldName,
    from: FieldValues[Kind],
    to: FieldValues[Kind],
  ) => UpdateContent | null;
} = {
  text: (name, from, to) => ({ from: { [name]: truncateOrNull(from) }, to: { [name]: truncateOrNull(to) } }),
  instant: singleValue,
  ports: differingPorts,
  labels: differingLabels,
  names: (name, from = [], to = []) => differingItems(name, from.map(truncate), to.map(truncate), String),
  optionalText: singleValue,
  exit: singleValue,
  flag: singleValue,
  count: singleValue,
};

type Difference = (name: ContainerFieldName, from: unknown, to: unknown) => UpdateContent | null;

const toDifference = (name: ContainerFieldName) => {
  const difference = DIFFERENCE_BY_KIND[CONTAINER_FIELDS[name].kind] as Difference;
  return { name, same: sameValues(name), difference };
};

const UPDATED_FIELDS = fieldsWith('event', 'updated').map(toDifference);
const FIELDS_UPDATED_ALONE = fieldsWith('event', 'updated-alone').map(toDifference);

/** The fields that change with each start and end of the process. */
const FIELDS_OF_A_RUN: ReadonlySet<string> = new Set(fieldsWith('event', 'updated-alone'));
