import type { ContainerEvent, EventKind } from '@muster/contracts';
import { describeExit, describeLoop, isErrorExit } from '@muster/contracts/describe-exit';
import type { StatusIcon } from './container-status';

/** The icon and label with which an event is shown. */
export interface EventStatus {
  icon: StatusIcon | 'renamed' | 'changed' | 'reappeared';
  label: string;
}

/** Returns the icon and label of an event. If the reason of an exit was not reported, an error code means a crash. */
export function eventStatus({
  kind,
  to,
  exitCode,
  exitReason,
  exits,
}: Pick<ContainerEvent, 'kind' | 'to' | 'exitCode' | 'exitReason' | 'exits'>): EventStatus {
  const known = { reason: exitReason, code: exitCode };
  switch (kind) {
    case 'created':
      if (exitReason) return { icon: 'created', label: `created, ${describeExit(known)}` };
      return { icon: 'created', label: 'created' };
    case 'started':
      return { icon: 'running', label: 'started' };
    case 'exited':
      return { icon: isErrorExit(known) ? 'crashed' : 'finished', label: describeExit(known) };
    case 'restarted':
      if (exitReason) return { icon: 'restarting', label: `restarted, then ${describeExit(known)}` };
      return { icon: 'restarting', label: exitCode === null ? 'restarted' : `restarted (${exitCode})` };
    case 'paused':
      return { icon: 'paused', label: 'paused' };
    case 'unpaused':
      return { icon: 'running', label: 'resumed' };
    case 'health_changed':
      if (to === 'unhealthy') return { icon: 'unhealthy', label: 'became unhealthy' };
      return to === 'healthy'
        ? { icon: 'running', label: 'became healthy' }
        : { icon: 'starting', label: 'health check starting' };
    case 'renamed':
      return { icon: 'renamed', label: 'renamed' };
    case 'image_changed':
      return { icon: 'changed', label: 'image changed' };
    case 'updated':
      return { icon: 'changed', label: 'changed' };
    case 'removed':
      return { icon: 'removed', label: 'removed' };
    case 'reappeared':
      return { icon: 'reappeared', label: 'reappeared' };
    case 'looping':
      return { icon: 'restarting', label: exits ? describeLoop(exits) : 'exited many times' };
    default:
      // A newer API may send kinds that this version does not know.
      return { icon: 'changed', label: String(kind).replaceAll('_', ' ') };
  }
}

/** Returns the icon and label of a container's recreation, from its latest event. */
export const replacementStatus = (latest: Pick<ContainerEvent, 'kind' | 'to' | 'exitCode'>): EventStatus => ({
  icon: latest.kind === 'started' || latest.to === 'running' ? 'running' : 'changed',
  label: latest.kind === 'started' || latest.to === 'running' ? 'replaced' : 'replaced, not started yet',
});

/** The event kinds in the filter menu, in the order of a container's lifecycle. */
export const EVENT_KINDS: readonly EventKind[] = [
  'created',
  'started',
  'exited',
  'restarted',
  'looping',
  'health_changed',
  'paused',
  'unpaused',
  'image_changed',
  'renamed',
  'updated',
  'removed',
  'reappeared',
];

const KIND_LABELS: Readonly<Record<EventKind, string>> = {
  created: 'Created',
  started: 'Started',
  exited: 'Exited',
  restarted: 'Restarted',
  looping: 'Exited many times',
  health_changed: 'Health changed',
  paused: 'Paused',
  unpaused: 'Resumed',
  image_changed: 'Image changed',
  renamed: 'Renamed',
  updated: 'Changed',
  removed: 'Removed',
  reappeared: 'Reappeared',
};

/** Returns the label of an event kind. The rows of events use the same words. */
export const formatEventKind = (kind: EventKind): string => KIND_LABELS[kind];

/** Formats the value before or after a change. A value with several fields becomes a list of its fields. */
export function formatEventValue(value: ContainerEvent['from']): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([name, field]) => `${name} ${typeof field === 'string' ? field : JSON.stringify(field)}`)
    .join(', ');
}
