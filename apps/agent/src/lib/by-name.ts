const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A copy in the order of names, by UTF-16 units; equal names are in the order of ids. */
export function byName<T>(items: readonly T[], nameOf: (item: T) => string, idOf: (item: T) => string): T[] {
  return [...items].sort((a, b) => compare(nameOf(a), nameOf(b)) || compare(idOf(a), idOf(b)));
}
