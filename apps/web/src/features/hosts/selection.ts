import type { Host } from '@muster/contracts';

/** The selected hosts by id. They include hosts that the current filters hide. */
export type Selection = ReadonlyMap<string, Host>;

export const EMPTY_SELECTION: Selection = new Map();

/** Returns the selection with the hosts added or removed. */
export function select(selection: Selection, hosts: readonly Host[], isSelected: boolean): Selection {
  const next = new Map(selection);
  for (const host of hosts) {
    if (isSelected) next.set(host.id, host);
    else next.delete(host.id);
  }
  return next;
}

/**
 * Returns the rows from the row of `anchorId` to the row of `hostId`, including both, in either direction. If the list
 * does not contain the anchor, only the row of `hostId` is returned.
 */
export function rowsBetween(rows: readonly Host[], anchorId: string | null, hostId: string): readonly Host[] {
  const end = rows.findIndex(({ id }) => id === hostId);
  const anchor = rows.findIndex(({ id }) => id === anchorId);
  const start = anchor === -1 ? end : anchor;
  return rows.slice(Math.min(start, end), Math.max(start, end) + 1);
}

/** Returns whether all, some or none of the rows are selected. */
export function selectedPart(rows: readonly Host[], selection: Selection): 'all' | 'some' | 'none' {
  if (selection.size === 0) return 'none';
  const count = rows.filter(({ id }) => selection.has(id)).length;
  return count === 0 ? 'none' : count === rows.length ? 'all' : 'some';
}
