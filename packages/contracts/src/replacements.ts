import { ERROR_REASONS } from './exit-code.js';
import type { ContainerEvent } from './history.js';

/** The recreation of a container: one container was removed, and another one of the same workload replaced it. */
export interface Replacement {
  /** The image of the removed container; null if an earlier version of Muster recorded its removal. */
  imageBefore: string | null;
  imageAfter: string | null;
  /** The events of the recreation, in the order of the list. */
  events: readonly ContainerEvent[];
}

/** One row of a history: a single event, or a recreation shown as its latest event. */
export interface HistoryEntry {
  event: ContainerEvent;
  replacement: Replacement | null;
}

/** Maximum time between the creation of a container and the removal of the container that it replaces. */
const REPLACEMENT_MS = 120_000;

/**
 * Merges the events of each recreation by Compose into one entry. Compose creates the new container with a temporary
 * name, stops and removes the old one, and then renames and starts the new one. Events of other containers keep their
 * order. `events` are sorted from newest to oldest.
 */
export function mergeReplacements(events: readonly ContainerEvent[]): HistoryEntry[] {
  const replacements = new Map<ContainerEvent, Replacement | null>();
  for (const ofWorkload of groupByWorkload(events)) {
    for (const created of [...ofWorkload].reverse()) {
      if (created.kind !== 'created' || replacements.has(created)) continue;
      const removed = ofWorkload
        .filter((event) => event.kind === 'removed' && event.dockerId !== created.dockerId && !replacements.has(event))
        .filter((event) => millisecondsBetween(event, created) <= REPLACEMENT_MS)
        .sort((a, b) => millisecondsBetween(a, created) - millisecondsBetween(b, created))[0];
      if (removed === undefined) continue;
      const merged = ofWorkload.filter(
        (event) => !replacements.has(event) && isStepOf(event, created, removed) && isNear(event, created, removed),
      );
      for (const event of merged) replacements.set(event, null);
      replacements.set(merged[0]!, { imageBefore: removed.image, imageAfter: created.image, events: merged });
    }
  }
  return events.flatMap((event) => {
    const replacement = replacements.get(event);
    return replacement === null ? [] : [{ event, replacement: replacement ?? null }];
  });
}

function groupByWorkload(events: readonly ContainerEvent[]): ContainerEvent[][] {
  const groups = new Map<string, ContainerEvent[]>();
  for (const event of events) {
    if (event.workload?.kind !== 'compose') continue;
    const { project, service, instance } = event.workload;
    const key = JSON.stringify([event.hostId, project, service, instance]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [event]);
    else group.push(event);
  }
  return [...groups.values()];
}

const isError = ({ exitReason }: ContainerEvent): boolean => exitReason !== null && ERROR_REASONS.includes(exitReason);

const timeOf = ({ recordedAt }: ContainerEvent): number => Date.parse(recordedAt);

const millisecondsBetween = (a: ContainerEvent, b: ContainerEvent): number => Math.abs(timeOf(a) - timeOf(b));

/** Returns whether the event is a step of replacing the removed container with the created one. */
function isStepOf(event: ContainerEvent, created: ContainerEvent, removed: ContainerEvent): boolean {
  const { dockerId, kind } = event;
  if (dockerId === removed.dockerId) {
    // A crash is not a step of a recreation. It stays a separate entry, so that a reader does not miss it.
    return kind === 'removed' || kind === 'renamed' || (kind === 'exited' && !isError(event));
  }
  return dockerId === created.dockerId && (kind === 'created' || kind === 'started' || kind === 'renamed');
}

const isNear = (event: ContainerEvent, created: ContainerEvent, removed: ContainerEvent): boolean =>
  millisecondsBetween(event, created) <= REPLACEMENT_MS || millisecondsBetween(event, removed) <= REPLACEMENT_MS;
