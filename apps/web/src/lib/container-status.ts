import type { ContainerFreshness, ContainerView, Freshness } from '@muster/contracts';

/** The icons of states. Each has its own shape, so that color is not needed to distinguish them. */
export type Look =
  | 'running'
  | 'unhealthy'
  | 'starting'
  | 'restarting'
  | 'paused'
  | 'created'
  | 'finished'
  | 'crashed'
  | 'dead'
  | 'removed'
  | 'unknown';

/** How a container's state is shown. */
export interface Glance {
  look: Look;
  /** The state in words, such as `crashed (137)`. */
  words: string;
  /** False if the state is only last known: the host is not reporting, or its engine is not responding. */
  isCurrent: boolean;
}

type Told = Pick<ContainerView, 'state' | 'health' | 'exitCode' | 'hostFreshness' | 'removedAt'>;

/** Returns how to show a container's state, and whether that state is current. */
export function glance({ state, health, exitCode, hostFreshness, removedAt }: Told): Glance {
  // A removal stays true even if the host has stopped reporting since.
  if (removedAt !== null) return { look: 'removed', words: 'removed', isCurrent: true };
  return { ...lookOf(state, health, exitCode), isCurrent: isCurrent(hostFreshness) };
}

/** Whether the containers of a host with this freshness are known to be current. */
export const isCurrent = (freshness: Freshness): boolean =>
  (CURRENT_FRESHNESS as readonly Freshness[]).includes(freshness);

function lookOf(
  state: string,
  health: ContainerView['health'],
  exitCode: number | null,
): { look: Look; words: string } {
  switch (state) {
    case 'running':
      if (health === 'unhealthy') return { look: 'unhealthy', words: 'unhealthy' };
      if (health === 'starting') return { look: 'starting', words: 'starting' };
      return { look: 'running', words: health === 'healthy' ? 'healthy' : 'running' };
    case 'restarting':
      return { look: 'restarting', words: exitCode === null ? 'restarting' : `restarting (${exitCode})` };
    case 'paused':
      return { look: 'paused', words: 'paused' };
    case 'created':
      return { look: 'created', words: 'created' };
    case 'exited':
    case 'stopped':
      if (exitCode === null) return { look: 'finished', words: state };
      return exitCode === 0
        ? { look: 'finished', words: `${state} (0)` }
        : { look: 'crashed', words: `crashed (${exitCode})` };
    case 'dead':
      return { look: 'dead', words: 'dead' };
    case 'removing':
      return { look: 'removed', words: 'removing' };
    default:
      return { look: 'unknown', words: state };
  }
}

/** Returns the icon of a state that stands for many containers, such as in a host's counts. */
export const lookOfState = (state: string): Look => (state === 'exited' ? 'finished' : lookOf(state, null, null).look);

/** The display order of states, most important first. Other states follow by name. */
export const STATE_ORDER = ['running', 'restarting', 'paused', 'created', 'exited', 'dead', 'removing'] as const;

/** Returns the states with a count above 0, in display order. */
export function inStateOrder(byState: Readonly<Record<string, number>>): [state: string, count: number][] {
  const rank = (state: string): number => {
    const index = (STATE_ORDER as readonly string[]).indexOf(state);
    return index === -1 ? STATE_ORDER.length : index;
  };
  return Object.entries(byState)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The fleet's counts show the containers of these hosts as current, and those of the other hosts as last known. */
export const CURRENT_FRESHNESS: readonly ContainerFreshness[] = ['online'];
export const LAST_KNOWN_FRESHNESS: readonly ContainerFreshness[] = ['stale', 'offline', 'engine_down', 'left'];
export const HOST_FRESHNESS = [...CURRENT_FRESHNESS, ...LAST_KNOWN_FRESHNESS];

/** The words for each freshness, and what it means for the data on the page. */
export const FRESHNESS: Readonly<Record<Freshness, { words: string; meaning: string }>> = {
  online: { words: 'online', meaning: 'Reporting. Data is current.' },
  stale: { words: 'stale', meaning: 'Missed heartbeats; showing last known state.' },
  offline: { words: 'offline', meaning: 'No contact for over 5 minutes; showing last known state.' },
  never: { words: 'waiting for first report', meaning: 'Enrolled. Waiting for first report.' },
  engine_down: {
    words: 'engine down',
    meaning: 'Agent running, container engine not responding; showing last known state.',
  },
  left: {
    words: 'left',
    meaning: 'The agent left Muster; showing last known state. Enroll the host again to reconnect it.',
  },
};
