import type { ContainerFreshness, ContainerView, Freshness } from '@muster/contracts';

/** The shapes that states are drawn as; each is another outline, so that none needs its colour to be told. */
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

/** What is told of a container's state at a glance. */
export interface Glance {
  look: Look;
  /** In the words of an operator: `crashed (137)`. */
  words: string;
  /** False where this is only what was last heard: the host fell silent, or its engine cannot be listed. */
  isCurrent: boolean;
}

type Told = Pick<ContainerView, 'state' | 'health' | 'exitCode' | 'hostFreshness' | 'removedAt'>;

/** Judges a container by all that is known of it, and says how much that is worth now. */
export function glance({ state, health, exitCode, hostFreshness, removedAt }: Told): Glance {
  // Whoever removed a container knew that it was gone: that stays true whatever the host says since.
  if (removedAt !== null) return { look: 'removed', words: 'removed', isCurrent: true };
  return { ...lookOf(state, health, exitCode), isCurrent: isCurrent(hostFreshness) };
}

/** Whether what a host of this freshness says of its containers is how things are now. */
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
        ? { look: 'finished', words: 'finished' }
        : { look: 'crashed', words: `crashed (${exitCode})` };
    case 'dead':
      return { look: 'dead', words: 'dead' };
    case 'removing':
      return { look: 'removed', words: 'being removed' };
    default:
      return { look: 'unknown', words: state };
  }
}

/** How a state is drawn where it stands for many containers, such as in a host's counts. */
export const lookOfState = (state: string): Look => (state === 'exited' ? 'finished' : lookOf(state, null, null).look);

/** The order in which states are counted, the ones that matter most first; others follow by their name. */
export const STATE_ORDER = ['running', 'restarting', 'paused', 'created', 'exited', 'dead', 'removing'] as const;

/** States in the order that they are shown everywhere. */
export function inStateOrder(byState: Readonly<Record<string, number>>): [state: string, count: number][] {
  const rank = (state: string): number => {
    const index = (STATE_ORDER as readonly string[]).indexOf(state);
    return index === -1 ? STATE_ORDER.length : index;
  };
  return Object.entries(byState)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The fleet's numbers count these as they are now, and the others as what was last known. */
export const CURRENT_FRESHNESS: readonly ContainerFreshness[] = ['online'];
export const LAST_KNOWN_FRESHNESS: readonly ContainerFreshness[] = ['stale', 'offline', 'engine_down', 'left'];
export const HOST_FRESHNESS = [...CURRENT_FRESHNESS, ...LAST_KNOWN_FRESHNESS];

/** A host's freshness, in words, and what it means for what is shown of it. */
export const FRESHNESS: Readonly<Record<Freshness, { words: string; meaning: string }>> = {
  online: { words: 'online', meaning: 'Heard from lately: what is shown is how it is now.' },
  stale: { words: 'quiet', meaning: 'Missed a few heartbeats. What is shown is the last that it said.' },
  offline: { words: 'offline', meaning: 'Silent for more than five minutes. What is shown is the last that it said.' },
  never: { words: 'no report yet', meaning: 'Enrolled, but its first report has not come.' },
  engine_down: {
    words: 'engine down',
    meaning: 'The agent lives, but its container engine does not answer. What is shown is the last that it said.',
  },
  left: {
    words: 'left',
    meaning:
      'Its agent left Muster. What is shown is the last that it reported. Enroll the host again to bring it back.',
  },
};
