import { byCodeUnit } from '@muster/contracts';

/** Returns a copy sorted by name in UTF-16 order, and by id among equal names. */
export function sortByName<T>(items: readonly T[], nameOf: (item: T) => string, idOf: (item: T) => string): T[] {
  return [...items].sort((a, b) => byCodeUnit(nameOf(a), nameOf(b)) || byCodeUnit(idOf(a), idOf(b)));
}
