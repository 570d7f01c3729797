import type { ContainerSearch, SortKey } from './search';

/** A sort order of containers. */
export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** Returns the sort order in the address. The default is by name. */
export function parseSort({ sort = 'name' }: ContainerSearch): Sort {
  return { key: sort.replace(/^-/, '') as SortKey, descending: sort.startsWith('-') };
}

/** Returns the sort order as an address parameter, or undefined for the default order. */
export const formatSort = ({ key, descending }: Sort): ContainerSearch['sort'] =>
  key === 'name' && !descending ? undefined : descending ? `-${key}` : key;

/** Columns that sort in descending order first, because recent changes are needed more often than old ones. */
const DESCENDING_FIRST: ReadonlySet<SortKey> = new Set(['changedAt', 'firstSeenAt']);

/** Returns the sort order after a click on the header of a column. A second click reverses it. */
export const nextSort = (sort: Sort, key: SortKey): Sort => ({
  key,
  descending: sort.key === key ? !sort.descending : DESCENDING_FIRST.has(key),
});
