import type { ContainerSearch, SortKey } from './search';

/** A sort order of containers. */
export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** Returns the sort order that the query parameters select. The default order is by name. */
export function parseSort({ sort = 'name' }: ContainerSearch): Sort {
  return { key: sort.replace(/^-/, '') as SortKey, descending: sort.startsWith('-') };
}

/** Returns the sort order as a query parameter, or undefined for the default order. */
export const formatSort = ({ key, descending }: Sort): ContainerSearch['sort'] =>
  key === 'name' && !descending ? undefined : descending ? `-${key}` : key;

/** Columns that are first sorted in descending order, because recent changes are needed more often than old changes. */
const DESCENDING_FIRST: ReadonlySet<SortKey> = new Set(['changedAt', 'firstSeenAt']);

/** Returns the sort order after a click on the header of a column. A second click reverses the order. */
export const nextSort = (sort: Sort, key: SortKey): Sort => ({
  key,
  descending: sort.key === key ? !sort.descending : DESCENDING_FIRST.has(key),
});
