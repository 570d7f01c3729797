import { STOPPED_EXIT_CODES, type ContainerFreshness, type ContainerView, type Freshness } from '@muster/contracts';

/** The icons of states. Each icon has its own shape, so that color is not needed to distinguish them. */
export type StatusIcon =
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

/** A container's state as it is shown to the user. */
export interface ContainerStatus {
  icon: StatusIcon;
  /** The state in words, such as `crashed (137)`. */
  label: string;
  /**
   * False if only the last known state is available, because the host is not reporting or its engine is not responding.
   */
  isCurrent: boolean;
}

type StatusFields = Pick<ContainerView, 'state' | 'health' | 'exitCode' | 'hostFreshness' | 'removedAt'>;

/** Returns how to show a container's state, and whether that state is current. */
export function containerStatus({ state, health, exitCode, hostFreshness, removedAt }: StatusFields): ContainerStatus {
  // A removal remains current even if the host has stopped reporting since.
  if (removedAt !== null) return { icon: 'removed', label: 'removed', isCurrent: true };
  return { ...statusOfState(state, health, exitCode), isCurrent: isCurrent(hostFreshness) };
}

/** Returns whether the containers of a host with this freshness are known to be current. */
export const isCurrent = (freshness: Freshness): boolean =>
  (CURRENT_FRESHNESS as readonly Freshness[]).includes(freshness);

function statusOfState(
  state: string,
  health: ContainerView['health'],
  exitCode: number | null,
): { icon: StatusIcon; label: string } {
  switch (state) {
    case 'running':
      if (health === 'unhealthy') return { icon: 'unhealthy', label: 'unhealthy' };
      if (health === 'starting') return { icon: 'starting', label: 'starting' };
      return { icon: 'running', label: health === 'healthy' ? 'healthy' : 'running' };
    case 'restarting':
      return { icon: 'restarting', label: exitCode === null ? 'restarting' : `restarting (${exitCode})` };
    case 'paused':
      return { icon: 'paused', label: 'paused' };
    case 'created':
      return { icon: 'created', label: 'created' };
    case 'exited':
    case 'stopped':
      if (exitCode === null) return { icon: 'finished', label: state };
      return isErrorCode(exitCode)
        ? { icon: 'crashed', label: `crashed (${exitCode})` }
        : { icon: 'finished', label: `${state} (${exitCode})` };
    case 'dead':
      return { icon: 'dead', label: 'dead' };
    case 'removing':
      return { icon: 'removed', label: 'removing' };
    default:
      return { icon: 'unknown', label: state };
  }
}

/**
 * Returns whether an exit code means an error: whether it is neither 0 nor the code of a stopped process. This is a
 * copy of the contracts package's function, because the page imports only data from that package.
 */
export const isErrorCode = (exitCode: number): boolean => exitCode !== 0 && !STOPPED_EXIT_CODES.includes(exitCode);

/** Returns the icon for the count of all containers in a state. */
export const iconOfState = (state: string): StatusIcon =>
  state === 'exited' ? 'finished' : statusOfState(state, null, null).icon;

/** The display order of states, most important first. All other states follow in alphabetical order. */
export const STATE_ORDER = ['running', 'restarting', 'paused', 'created', 'exited', 'dead', 'removing'] as const;

/** Returns the states with a count above 0, in display order. */
export function sortStates(byState: Readonly<Record<string, number>>): [state: string, count: number][] {
  const rank = (state: string): number => {
    const index = (STATE_ORDER as readonly string[]).indexOf(state);
    return index === -1 ? STATE_ORDER.length : index;
  };
  return Object.entries(byState)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The containers of hosts with one of these freshness values are counted as current. */
export const CURRENT_FRESHNESS: readonly ContainerFreshness[] = ['online'];
/** The containers of hosts with one of these freshness values are counted as last known. */
export const LAST_KNOWN_FRESHNESS: readonly ContainerFreshness[] = ['stale', 'offline', 'engine_down', 'left'];
export const HOST_FRESHNESS = [...CURRENT_FRESHNESS, ...LAST_KNOWN_FRESHNESS];

/** The label of each freshness value, and what the value means for the data on the page. */
export const FRESHNESS: Readonly<Record<Freshness, { label: string; meaning: string }>> = {
  online: { label: 'online', meaning: 'Reporting. Data is current.' },
  stale: { label: 'stale', meaning: 'Missed heartbeats; showing last known state.' },
  offline: { label: 'offline', meaning: 'No contact for over 5 minutes; showing last known state.' },
  never: { label: 'waiting for first report', meaning: 'Enrolled. Waiting for first report.' },
  engine_down: {
    label: 'engine down',
    meaning: 'Agent running, container engine not responding; showing last known state.',
  },
  left: {
    label: 'left',
    meaning: 'The agent left Muster; showing last known state. Enroll the host again to reconnect it.',
  },
};
