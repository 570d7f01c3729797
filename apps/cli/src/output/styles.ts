import type { Freshness } from '@muster/contracts';
import type { Style } from './table.js';

/** The color of each freshness. */
export const FRESHNESS_STYLES: Readonly<Record<Freshness, Style>> = {
  online: 'green',
  stale: 'yellow',
  offline: 'red',
  never: 'gray',
  engine_down: 'red',
  left: 'gray',
};

/**
 * Returns the color of a container: green if it is running, yellow if its health is `starting`, red for a problem, gray
 * if it has exited. Returns null for any other state.
 */
export function stateStyle(state: string, health: string | null): Style | null {
  if (health === 'unhealthy' || state === 'dead' || state === 'restarting') return 'red';
  if (state === 'running') return health === 'starting' ? 'yellow' : 'green';
  return state === 'exited' ? 'gray' : null;
}
