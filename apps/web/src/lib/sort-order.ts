/** A sort order of a list. */
export interface Sort<Key extends string = string> {
  key: Key;
  descending: boolean;
}

/** Parses a sort order: a key, with the prefix `-` for descending. */
export const parseSortOrder = <Key extends string>(sort: Key | `-${Key}`): Sort<Key> => ({
  key: sort.replace(/^-/, '') as Key,
  descending: sort.startsWith('-'),
});

/** Formats a sort order: a key, with the prefix `-` for descending. */
export const formatSortOrder = <Key extends string>({ key, descending }: Sort<Key>): Key | `-${Key}` =>
  descending ? `-${key}` : key;

/**
 * Returns the sort order after a click on the header of a column. The first click sorts in ascending order, or in
 * descending order if the column is in `descendingFirst`. A second click on the same header reverses the order.
 */
export const sortAfterClick = <Key extends string>(
  sort: Sort<Key>,
  key: Key,
  descendingFirst: ReadonlySet<Key>,
): Sort<Key> => ({
  key,
  descending: sort.key === key ? !sort.descending : descendingFirst.has(key),
});
