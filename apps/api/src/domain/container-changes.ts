import type { EventKind, EventValue } from '@muster/contracts';
import type { ContainerRow } from './container-row.js';

/** What happened to a container, before it has a host, a time and a place in the history. */
export interface EventDraft {
  dockerId: string;
  name: string;
  kind: EventKind;
  from: EventValue;
  to: EventValue;
  exitCode: number | null;
}

/** States in which the container's process has ended, for now or for good. */
const ENDED = new Set(['exited', 'dead', 'restarting']);

/** Fields whose change is an `updated` event; a published port that comes and goes with the process is none. */
const CONFIGURED = ['imageId', 'command', 'labels'] as const;

const sameJson = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/**
 * The event of the process itself between two looks at one container, if there was one.
 * A new `startedAt` with the state as it was means that it stopped and started in between.
 */
function processEvent(from: ContainerRow, to: ContainerRow): EventKind | null {
  const startedAnew = to.startedAt !== null && from.startedAt !== null && to.startedAt !== from.startedAt;
  if (from.state === to.state) {
    if (startedAnew) return 'restarted';
    return ENDED.has(to.state) && from.exitCode !== to.exitCode ? 'exited' : null;
  }
  if (to.state === 'paused') return 'paused';
  if (to.state === 'running') {
    if (from.state === 'paused') return startedAnew ? 'restarted' : 'unpaused';
    return from.state === 'restarting' ? 'restarted' : 'started';
  }
  return ENDED.has(to.state) ? 'exited' : null;
}

/**
 * Every change between two rows of one container that was present both times, each once. A change of the status
 * text's age alone is none.
 */
export function containerChanges(from: ContainerRow, to: ContainerRow): EventDraft[] {
  const events: EventDraft[] = [];
  const record = (kind: EventKind, before: EventValue, after: EventValue) => {
    const exitCode = kind === 'exited' || kind === 'restarted' ? to.exitCode : null;
    events.push({ dockerId: to.dockerId, name: to.name, kind, from: before, to: after, exitCode });
  };

  if (from.name !== to.name) record('renamed', from.name, to.name);
  if (from.image !== to.image) record('image_changed', from.image, to.image);

  const process = processEvent(from, to);
  if (process) record(process, from.state, to.state);

  // A health check's word ends with its process: `exited` and `started` say all there is to say.
  const ran = from.state === 'running' && to.state === 'running';
  if (ran && from.health !== to.health) record('health_changed', from.health, to.health);

  const differing: (keyof ContainerRow)[] = CONFIGURED.filter((field) => !sameJson(from[field], to[field]));
  if (process === null) {
    if (from.state !== to.state) differing.push('state');
    if (from.startedAt !== to.startedAt) differing.push('startedAt');
    if (!sameJson(from.ports, to.ports)) differing.push('ports');
  }
  if (differing.length > 0) {
    const pick = (row: ContainerRow) => Object.fromEntries(differing.map((field) => [field, row[field]]));
    record('updated', pick(from), pick(to));
  }
  return events;
}
