import { formatSortOrder, parseSortOrder, sortAfterClick, type Sort } from '../../lib/sort-order';
import { SORTS, type ContainerSearch, type SortKey } from './search';

/** The sort keys that the API supports only for the containers of given hosts. */
const HOST_ONLY_SORT_KEYS: ReadonlySet<SortKey> = new Set(['state', 'changedAt']);

/** Returns the sort keys that the API supports with these filters. */
export const sortKeysOf = ({ hostId }: Pick<ContainerSearch, 'hostId'>): readonly SortKey[] =>
  hostId === undefined ? SORTS.filter((key) => !HOST_ONLY_SORT_KEYS.has(key)) : SORTS;

/**
 * Returns the sort order that the query parameters select. Returns the order by name if the API does not support the
 * selected order with these filters.
 */
export function parseSort({ sort = 'name', hostId }: Pick<ContainerSearch, 'sort' | 'hostId'>): Sort<SortKey> {
  const order = parseSortOrder<SortKey>(sort);
  return sortKeysOf({ hostId }).includes(order.key) ? order : { key: 'name', descending: false };
}

/** Returns the sort order as a query parameter, or undefined for the default order. */
export const formatSort = (sort: Sort<SortKey>): ContainerSearch['sort'] =>
  sort.key === 'name' && !sort.descending ? undefined : formatSortOrder(sort);

/** Returns the properties with which a table shows and changes the sort order. */
export const sortPropsOf = (search: ContainerSearch, onChange: (search: Pick<ContainerSearch, 'sort'>) => void) => ({
  sort: parseSort(search),
  sortKeys: sortKeysOf(search),
  onSort: (sort: Sort<SortKey>) => onChange({ sort: formatSort(sort) }),
});

/**
 * Columns whose first click sorts in descending order, because recent changes are needed more often than old changes.
 */
const DESCENDING_FIRST: ReadonlySet<SortKey> = new Set(['changedAt', 'firstSeenAt']);

/** Returns the sort order after a click on the header of a column. */
export const nextSort = (sort: Sort<SortKey>, key: SortKey): Sort<SortKey> =>
  sortAfterClick(sort, key, DESCENDING_FIRST);

/** Returns the filters and the sort order as the API's query parameters. */
export function toFilters({
  group: _group,
  columns: _columns,
  ...filters
}: ContainerSearch): Omit<ContainerSearch, 'group' | 'columns'> {
  return { ...filters, sort: formatSort(parseSort(filters)) };
}
