import { DOCKER_STATES, Health } from '@muster/contracts';
import type { ContainerFacts } from './container-row.js';

/**
 * How many containers there are of each word: a state of Docker's, `other` for all other states together, or a health
 * with `health:` before it. No other word is counted: an engine may say any state, and each would be kept for its host.
 */
export type StateChanges = Readonly<Record<string, number>>;

/** The word under which every state that is not one of Docker's is counted. */
export const OTHER_STATE = 'other';

/** How `hosts.stateCounts` names a health. */
export const healthKey = (health: string): string => `health:${health}`;

const HEALTH_KEYS = Health.options.map(healthKey);

/** Every word that is counted but `other`. */
export const COUNTED_WORDS: readonly string[] = [...DOCKER_STATES, ...HEALTH_KEYS];

const KNOWN_STATES: ReadonlySet<string> = new Set(DOCKER_STATES);
const KNOWN_WORDS: ReadonlySet<string> = new Set(COUNTED_WORDS);

export const isKnownState = (state: string): boolean => KNOWN_STATES.has(state);

/** The word under which a state is counted. */
export const stateKey = (state: string): string => (isKnownState(state) ? state : OTHER_STATE);

/** Separates states from healths. Words of an earlier version, which counted every state by itself, become `other`. */
export function countsByWord(counts: StateChanges): {
  containersByState: Record<string, number>;
  containersByHealth: Record<string, number>;
} {
  const containersByState: Record<string, number> = {};
  const containersByHealth: Record<string, number> = {};
  for (const [word, count] of Object.entries(counts)) {
    if (HEALTH_KEYS.includes(word)) {
      containersByHealth[word.slice(healthKey('').length)] = count;
    } else {
      const key = stateKey(word);
      containersByState[key] = (containersByState[key] ?? 0) + count;
    }
  }
  return { containersByState, containersByHealth };
}

type Counted = Pick<ContainerFacts, 'state' | 'health' | 'truncated'>;

/** Counts of a host's present containers, or how they change. */
export interface ContainerTotals {
  stateCounts: StateChanges;
  /** Containers of which a field was shortened. */
  truncated: number;
}

export const NO_TOTALS: ContainerTotals = { stateCounts: {}, truncated: 0 };

export function addTotals(a: ContainerTotals, b: ContainerTotals): ContainerTotals {
  const words = new Set([...Object.keys(a.stateCounts), ...Object.keys(b.stateCounts)]);
  const sums = [...words].map((word) => [word, (a.stateCounts[word] ?? 0) + (b.stateCounts[word] ?? 0)] as const);
  return { stateCounts: Object.fromEntries(sums.filter(([, sum]) => sum !== 0)), truncated: a.truncated + b.truncated };
}

/** Counts all containers of a host. */
export function totalsOf(containers: readonly Counted[]): ContainerTotals {
  const tally = new StateTally();
  for (const container of containers) tally.came(container);
  return tally.totals;
}

/** Adds up what came, went and changed among a host's present containers. */
export class StateTally {
  readonly #counts = new Map<string, number>();
  #truncated = 0;

  came(container: Counted): void {
    this.#add(container, 1);
  }

  went(container: Counted): void {
    this.#add(container, -1);
  }

  get totals(): ContainerTotals {
    const stateCounts = Object.fromEntries([...this.#counts].filter(([, count]) => count !== 0));
    return { stateCounts, truncated: this.#truncated };
  }

  #add({ state, health, truncated }: Counted, count: number): void {
    this.#addWord(stateKey(state), count);
    if (health !== null && KNOWN_WORDS.has(healthKey(health))) this.#addWord(healthKey(health), count);
    if (truncated !== undefined && truncated.length > 0) this.#truncated += count;
  }

  #addWord(word: string, count: number): void {
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + count);
  }
}
