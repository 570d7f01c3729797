import { SORTS, type ContainerSearch, type SortKey } from './search';

/** A sort order of containers. */
export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** The sort keys that the API supports only for the containers of given hosts. */
const HOST_ONLY: ReadonlySet<SortKey> = new Set(['state', 'changedAt']);

/** Returns the sort keys that the API supports with these filters. */
export const sortKeysOf = ({ hostId }: Pick<ContainerSearch, 'hostId'>): readonly SortKey[] =>
  hostId === undefined ? SORTS.filter((key) => !HOST_ONLY.has(key)) : SORTS;

/** Returns the sort order that the query parameters select, or the order by name if the API does not support it. */
export function parseSort({ sort = 'name', hostId }: Pick<ContainerSearch, 'sort' | 'hostId'>): Sort {
  const key = sort.replace(/^-/, '') as SortKey;
  if (!sortKeysOf({ hostId }).includes(key)) return { key: 'name', descending: false };
  return { key, descending: sort.startsWith('-') };
}

/** Returns the sort order as a query parameter, or undefined for the default order. */
export const formatSort = ({ key, descending }: Sort): ContainerSearch['sort'] =>
  key === 'name' && !descending ? undefined : descending ? `-${key}` : key;

/** Returns the properties that show the sort order in a table and change it. */
export const sortPropsOf = (search: ContainerSearch, onChange: (search: Pick<ContainerSearch, 'sort'>) => void) => ({
  sort: parseSort(search),
  sortKeys: sortKeysOf(search),
  onSort: (sort: Sort) => onChange({ sort: formatSort(sort) }),
});

/** Columns that are first sorted in descending order, because recent changes are needed more often than old changes. */
const DESCENDING_FIRST: ReadonlySet<SortKey> = new Set(['changedAt', 'firstSeenAt']);

/** Returns the sort order after a click on the header of a column. A second click reverses the order. */
export const nextSort = (sort: Sort, key: SortKey): Sort => ({
  key,
  descending: sort.key === key ? !sort.descending : DESCENDING_FIRST.has(key),
});

/** Returns the filters and the sort order as the API's query parameters. */
export function toFilters({
  group: _group,
  columns: _columns,
  ...filters
}: ContainerSearch): Omit<ContainerSearch, 'group' | 'columns'> {
  return { ...filters, sort: formatSort(parseSort(filters)) };
}
