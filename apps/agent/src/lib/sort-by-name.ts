const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Returns a copy sorted by name in UTF-16 order, and by id among equal names. */
export function sortByName<T>(items: readonly T[], nameOf: (item: T) => string, idOf: (item: T) => string): T[] {
  return [...items].sort((a, b) => compare(nameOf(a), nameOf(b)) || compare(idOf(a), idOf(b)));
}
