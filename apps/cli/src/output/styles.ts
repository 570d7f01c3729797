import type { Freshness } from '@muster/contracts';
import type { Style } from './table.js';

/** How current a fact is. */
export const FRESHNESS_STYLES: Readonly<Record<Freshness, Style>> = {
  online: 'green',
  stale: 'yellow',
  offline: 'red',
  never: 'gray',
  engine_down: 'red',
  left: 'gray',
};

/** A state or health that is as one would want it, or that somebody should look at; null: neither. */
export function stateStyle(state: string, health: string | null): Style | null {
  if (health === 'unhealthy' || state === 'dead' || state === 'restarting') return 'red';
  if (state === 'running') return health === 'starting' ? 'yellow' : 'green';
  return state === 'exited' ? 'gray' : null;
}
