import type { ContainerEvent, EventKind } from '@muster/contracts';
import type { Look } from './container-status';

/** How a change is told: as what it is drawn, and by which word. */
export interface EventGlance {
  look: Look | 'renamed' | 'changed' | 'reappeared';
  words: string;
}

/** Of a change, what a row tells first. An exit is a crash where its code says so. */
export function eventGlance({ kind, to, exitCode }: Pick<ContainerEvent, 'kind' | 'to' | 'exitCode'>): EventGlance {
  switch (kind) {
    case 'created':
      return { look: 'created', words: 'created' };
    case 'started':
      return { look: 'running', words: 'started' };
    case 'exited':
      return exitCode === null || exitCode === 0
        ? { look: 'finished', words: exitCode === 0 ? 'finished' : 'exited' }
        : { look: 'crashed', words: `crashed (${exitCode})` };
    case 'restarted':
      return { look: 'restarting', words: exitCode === null ? 'restarted' : `restarted (${exitCode})` };
    case 'paused':
      return { look: 'paused', words: 'paused' };
    case 'unpaused':
      return { look: 'running', words: 'resumed' };
    case 'health_changed':
      if (to === 'unhealthy') return { look: 'unhealthy', words: 'turned unhealthy' };
      return to === 'healthy'
        ? { look: 'running', words: 'turned healthy' }
        : { look: 'starting', words: 'health check' };
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

/** Kinds by which a history is filtered, in the order of a container's life. */
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

/** What a kind is called where it is chosen, not told of. */
export const kindWords = (kind: EventKind): string =>
  kind === 'health_changed' ? 'health' : kind.replaceAll('_', ' ');

/** One side of a change, short enough for a row. What has several fields is told field by field. */
export function side(value: ContainerEvent['from']): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([field, of]) => `${field} ${typeof of === 'string' ? of : JSON.stringify(of)}`)
    .join(', ');
}
