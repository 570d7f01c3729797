import type { ContainerRow } from './container-row.js';
import type { StoredContainer } from './diff-snapshot.js';

/** A host's present containers by state, and by health under `health:` before its word. */
export type StateCounts = Readonly<Record<string, number>>;

/** How `hosts.stateCounts` names a health. No state has such a name in practice, and lists compare row by row anyway. */
export const healthKey = (health: string): string => `health:${health}`;

/**
 * Counts what is present after a snapshot: its rows and, where it is not complete, the stored ones that it does not
 * name.
 */
export function stateCounts(
  stored: readonly StoredContainer[],
  incoming: readonly ContainerRow[],
  { complete }: { complete: boolean },
): StateCounts {
  const counts = new Map<string, number>();
  const add = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  const count = ({ state, health }: Pick<ContainerRow, 'state' | 'health'>) => {
    add(state);
    if (health !== null) add(healthKey(health));
  };
  incoming.forEach(count);
  if (!complete) {
    const named = new Set(incoming.map(({ dockerId }) => dockerId));
    for (const container of stored) {
      if (!container.equal && !container.removed && !named.has(container.dockerId)) count(container.row);
    }
  }
  return Object.fromEntries(counts);
}
