import type { ContainerFreshness, ContainerView, Freshness } from '@muster/contracts';
import { describeExit, isErrorExit, knownExit } from '@muster/contracts/describe-exit';

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
  /** The state in words, such as `crashed (1)` or `out of memory`. */
  label: string;
  /**
   * False if only the last known state is available, because the host is not reporting or its engine is not responding.
   */
  isCurrent: boolean;
}

/** The fields of a container on which the display of its state depends. */
export type StatusFields = Pick<
  ContainerView,
  'state' | 'health' | 'exitCode' | 'exit' | 'engineName' | 'hostFreshness' | 'removedAt'
>;

/** Returns how to show a container's state, and whether that state is current. */
export function containerStatus(container: StatusFields): ContainerStatus {
  const { hostFreshness, removedAt } = container;
  // A removal remains current even if the host has stopped reporting since.
  if (removedAt !== null) return { icon: 'removed', label: 'removed', isCurrent: true };
  return { ...statusOfState(container), isCurrent: isCurrent(hostFreshness) };
}

/** Returns whether the containers of a host with this freshness are known to be current. */
export const isCurrent = (freshness: Freshness): boolean =>
  (CURRENT_FRESHNESS as readonly Freshness[]).includes(freshness);

function statusOfState({
  state,
  health,
  exitCode,
  exit,
  engineName,
}: Pick<StatusFields, 'state' | 'health' | 'exitCode' | 'exit' | 'engineName'>): { icon: StatusIcon; label: string } {
  const known = knownExit({ exit, exitCode, engineName });
  const exitIcon = isErrorExit(known) ? 'crashed' : 'finished';
  switch (state) {
    case 'running':
      if (health === 'unhealthy') return { icon: 'unhealthy', label: 'unhealthy' };
      if (health === 'starting') return { icon: 'starting', label: 'starting' };
      return { icon: 'running', label: health === 'healthy' ? 'healthy' : 'running' };
    case 'restarting':
      if (exit) return { icon: 'restarting', label: `restarting, ${describeExit(known)}` };
      return { icon: 'restarting', label: exitCode === null ? 'restarting' : `restarting (${exitCode})` };
    case 'paused':
      return { icon: 'paused', label: 'paused' };
    case 'created':
    case 'initialized':
      if (exit) return { icon: exitIcon, label: describeExit(known) };
      return { icon: 'created', label: state };
    case 'exited':
      return { icon: exitIcon, label: describeExit(known) };
    case 'stopped':
      // With Podman, this is a container that the engine has stopped but not cleaned up yet.
      if (!exit && !isErrorExit(known)) {
        return { icon: 'finished', label: exitCode === null ? state : `${state} (${exitCode})` };
      }
      return { icon: exitIcon, label: describeExit(known) };
    case 'dead':
      return { icon: 'dead', label: 'dead' };
    case 'removing':
      return { icon: 'removed', label: 'removing' };
    default:
      return { icon: 'unknown', label: state };
  }
}

/** Returns the icon for the count of all containers in a state. */
export const iconOfState = (state: string): StatusIcon =>
  statusOfState({ state, health: null, exitCode: null, exit: null, engineName: '' }).icon;

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
