import { DOCKER_STATES, ExitReason, Health, isFailed } from '@muster/contracts';
import type { ContainerFacts } from './container-row.js';

/**
 * Numbers of containers by key. A key is a Docker state, `other` for all remaining states, `health:` and a health,
 * `exit:` and an exit reason, or `infra`. The set of keys is fixed, because an engine can report any text as a state,
 * and each such text would otherwise be stored as a key.
 */
export type StateCounts = Readonly<Record<string, number>>;

/** The key under which all states unknown to Docker are counted. */
export const OTHER_STATE = 'other';

/** The key under which the infra containers of pods are counted. No other count includes these containers. */
export const INFRA_KEY = 'infra';

/** Returns the key of a health in `hosts.stateCounts`. */
export const healthKey = (health: string): string => `health:${health}`;

/** Returns the key of an exit reason in `hosts.stateCounts`. */
export const exitKey = (reason: ExitReason): string => `exit:${reason}`;

const HEALTH_KEYS = Health.options.map(healthKey);
const EXIT_KEYS = ExitReason.options.map(exitKey);

/** All keys of the counts except `other`. */
export const COUNTED_KEYS: readonly string[] = [...DOCKER_STATES, ...HEALTH_KEYS, ...EXIT_KEYS, INFRA_KEY];

const KNOWN_STATES: ReadonlySet<string> = new Set(DOCKER_STATES);
const KNOWN_KEYS: ReadonlySet<string> = new Set(COUNTED_KEYS);

export const isKnownState = (state: string): boolean => KNOWN_STATES.has(state);

/** Returns the key under which a state is counted. */
export const stateKey = (state: string): string => (isKnownState(state) ? state : OTHER_STATE);

/**
 * Splits the counts into counts by state, by health and by exit reason, and the count of infra containers. Earlier
 * versions of Muster stored every state as a key, so the counts of states that Docker does not define are added up as
 * `other`.
 */
export function splitStateCounts(counts: StateCounts): {
  containersByState: Record<string, number>;
  containersByHealth: Record<string, number>;
  containersByExitReason: Record<string, number>;
  infraCount: number;
} {
  const containersByState: Record<string, number> = {};
  const containersByHealth: Record<string, number> = {};
  const containersByExitReason: Record<string, number> = {};
  for (const [storedKey, count] of Object.entries(counts)) {
    if (storedKey === INFRA_KEY) continue;
    if (HEALTH_KEYS.includes(storedKey)) {
      containersByHealth[storedKey.slice(healthKey('').length)] = count;
    } else if (EXIT_KEYS.includes(storedKey)) {
      containersByExitReason[storedKey.slice('exit:'.length)] = count;
    } else {
      const key = stateKey(storedKey);
      containersByState[key] = (containersByState[key] ?? 0) + count;
    }
  }
  return { containersByState, containersByHealth, containersByExitReason, infraCount: counts[INFRA_KEY] ?? 0 };
}

type Counted = Pick<ContainerFacts, 'state' | 'health' | 'exitCode' | 'exit' | 'truncated' | 'isInfra'>;

/** The counts of a host's present containers, or changes of these counts. */
export interface ContainerTotals {
  stateCounts: StateCounts;
  /** Number of containers with a truncated field. */
  truncated: number;
  /** Number of containers with the problem `failed`. */
  failed: number;
}

export const NO_TOTALS: ContainerTotals = { stateCounts: {}, truncated: 0, failed: 0 };

export function addTotals(a: ContainerTotals, b: ContainerTotals): ContainerTotals {
  const keys = new Set([...Object.keys(a.stateCounts), ...Object.keys(b.stateCounts)]);
  const sums = [...keys].map((key) => [key, (a.stateCounts[key] ?? 0) + (b.stateCounts[key] ?? 0)] as const);
  return {
    stateCounts: Object.fromEntries(sums.filter(([, sum]) => sum !== 0)),
    truncated: a.truncated + b.truncated,
    failed: a.failed + b.failed,
  };
}

/** Counts the containers of a host. */
export function totalsOf(containers: readonly Counted[]): ContainerTotals {
  const tally = new StateTally();
  for (const container of containers) tally.add(container);
  return tally.totals;
}

/** Adds up the changes of a host's counts while containers are added, removed and changed. */
export class StateTally {
  readonly #counts = new Map<string, number>();
  #truncated = 0;
  #failed = 0;

  add(container: Counted, count = 1): void {
    this.#add(container, count);
  }

  remove(container: Counted): void {
    this.#add(container, -1);
  }

  get totals(): ContainerTotals {
    const stateCounts = Object.fromEntries([...this.#counts].filter(([, count]) => count !== 0));
    return { stateCounts, truncated: this.#truncated, failed: this.#failed };
  }

  #add({ state, health, exitCode, exit, truncated, isInfra }: Counted, count: number): void {
    if (isInfra) {
      this.#addToKey(INFRA_KEY, count);
      return;
    }
    this.#addToKey(stateKey(state), count);
    if (health !== null && KNOWN_KEYS.has(healthKey(health))) this.#addToKey(healthKey(health), count);
    if (truncated !== undefined && truncated.length > 0) this.#truncated += count;
    if (exit) this.#addToKey(exitKey(exit.reason), count);
    if (isFailed({ state, exitCode, exit })) this.#failed += count;
  }

  #addToKey(key: string, count: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }
}
