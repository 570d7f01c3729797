import type { ContainerEvent, EventKind } from '@muster/contracts';
import type { Look } from './container-status';

/** How an event is shown: an icon and words. */
export interface EventGlance {
  look: Look | 'renamed' | 'changed' | 'reappeared';
  words: string;
}

/** Returns the icon and words of an event. An exit with a code other than 0 is a crash. */
export function eventGlance({ kind, to, exitCode }: Pick<ContainerEvent, 'kind' | 'to' | 'exitCode'>): EventGlance {
  switch (kind) {
    case 'created':
      return { look: 'created', words: 'created' };
    case 'started':
      return { look: 'running', words: 'started' };
    case 'exited':
      return exitCode === null || exitCode === 0
        ? { look: 'finished', words: exitCode === 0 ? 'exited (0)' : 'exited' }
        : { look: 'crashed', words: `crashed (${exitCode})` };
    case 'restarted':
      return { look: 'restarting', words: exitCode === null ? 'restarted' : `restarted (${exitCode})` };
    case 'paused':
      return { look: 'paused', words: 'paused' };
    case 'unpaused':
      return { look: 'running', words: 'resumed' };
    case 'health_changed':
      if (to === 'unhealthy') return { look: 'unhealthy', words: 'became unhealthy' };
      return to === 'healthy'
        ? { look: 'running', words: 'became healthy' }
        : { look: 'starting', words: 'health check starting' };
    case 'renamed':
      return { look: 'renamed', words: 'renamed' };
    case 'image_changed':
      return { look: 'changed', words: 'image changed' };
    case 'updated':
      return { look: 'changed', words: 'changed' };
    case 'removed':
      return { look: 'removed', words: 'removed' };
    case 'reappeared':
      return { look: 'reappeared', words: 'reappeared' };
  }
}

/** The event kinds of the filter, in the order of a container's life. */
export const EVENT_KINDS: readonly EventKind[] = [
  'created',
  'started',
  'exited',
  'restarted',
  'health_changed',
  'paused',
  'unpaused',
  'image_changed',
  'renamed',
  'updated',
  'removed',
  'reappeared',
];

const KIND_WORDS: Readonly<Record<EventKind, string>> = {
  created: 'Created',
  started: 'Started',
  exited: 'Exited',
  restarted: 'Restarted',
  health_changed: 'Health changed',
  paused: 'Paused',
  unpaused: 'Resumed',
  image_changed: 'Image changed',
  renamed: 'Renamed',
  updated: 'Changed',
  removed: 'Removed',
  reappeared: 'Reappeared',
};

/** Returns a kind's name as a label, with the words that rows use. */
export const kindWords = (kind: EventKind): string => KIND_WORDS[kind];

/** Formats one side of a change for a row. A value with several fields becomes a list of its fields. */
export function side(value: ContainerEvent['from']): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([field, of]) => `${field} ${typeof of === 'string' ? of : JSON.stringify(of)}`)
    .join(', ');
}
