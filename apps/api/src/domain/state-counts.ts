import type { ContainerFacts } from './container-row.js';

/** How many more containers there are of a state, and of a health under `health:` before its word. None is 0. */
export type StateChanges = Readonly<Record<string, number>>;

/** How `hosts.stateCounts` names a health. No state has such a name in practice, and lists compare row by row anyway. */
export const healthKey = (health: string): string => `health:${health}`;

const HEALTH_PREFIX = healthKey('');

/** Takes apart what `hosts.stateCounts` keeps together. */
export function countsByWord(counts: StateChanges): {
  containersByState: Record<string, number>;
  containersByHealth: Record<string, number>;
} {
  const entries = Object.entries(counts);
  const isHealth = ([word]: [string, number]) => word.startsWith(HEALTH_PREFIX);
  return {
    containersByState: Object.fromEntries(entries.filter((entry) => !isHealth(entry))),
    containersByHealth: Object.fromEntries(
      entries.filter(isHealth).map(([word, count]) => [word.slice(HEALTH_PREFIX.length), count]),
    ),
  };
}

type Counted = Pick<ContainerFacts, 'state' | 'health'>;

/** Asked by `hasOwn`: an engine's state may be called `constructor`. */
const countIn = (changes: StateChanges, word: string): number => (Object.hasOwn(changes, word) ? changes[word]! : 0);

export function addStateChanges(a: StateChanges, b: StateChanges): StateChanges {
  const words = new Set([...Object.keys(a), ...Object.keys(b)]);
  const sums = [...words].map((word) => [word, countIn(a, word) + countIn(b, word)] as const);
  return Object.fromEntries(sums.filter(([, sum]) => sum !== 0));
}

/** Adds up what came, went and changed among a host's present containers. */
export class StateTally {
  readonly #changes = new Map<string, number>();

  came(container: Counted): void {
    this.#add(container, 1);
  }

  went(container: Counted): void {
    this.#add(container, -1);
  }

  get changes(): StateChanges {
    return Object.fromEntries([...this.#changes].filter(([, count]) => count !== 0));
  }

  #add({ state, health }: Counted, count: number): void {
    this.#changes.set(state, (this.#changes.get(state) ?? 0) + count);
    if (health !== null) this.#changes.set(healthKey(health), (this.#changes.get(healthKey(health)) ?? 0) + count);
  }
}
