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

/** The properties of a container on which the look of its state depends. */
interface ContainerState {
  state: string;
  health: string | null;
  hostFreshness: Freshness;
}

/** Whether a container's state is current. Otherwise, it is the last state that its host reported. */
const isCurrent = ({ hostFreshness }: ContainerState): boolean => hostFreshness === 'online';

/** Formats a container's state. A state that is not current is marked, because not all terminals have colors. */
export const formatState = (container: ContainerState): string =>
  isCurrent(container) ? container.state : `was ${container.state}`;

/**
 * Returns the color of a container's state; null for a state without a color.
 *
 * - green: it is running.
 * - yellow: its health is `starting`.
 * - red: it has a problem.
 * - gray: it has exited, or the state is not current.
 */
export function stateStyle(container: ContainerState): Style | null {
  const { state, health } = container;
  if (!isCurrent(container)) return 'gray';
  if (health === 'unhealthy' || state === 'dead' || state === 'restarting') return 'red';
  if (state === 'running') return health === 'starting' ? 'yellow' : 'green';
  return state === 'exited' ? 'gray' : null;
}

/** Returns the color of a container's health. */
export function healthStyle(container: ContainerState): Style | null {
  if (!isCurrent(container)) return 'gray';
  return container.health === 'unhealthy' ? 'red' : null;
}
