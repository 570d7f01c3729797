import type { ContainerSearch, SortKey } from './search';

/** An order of containers. */
export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** The order that the address says; by name where it says none. */
export function sortOf({ sort = 'name' }: ContainerSearch): Sort {
  return { key: sort.replace(/^-/, '') as SortKey, descending: sort.startsWith('-') };
}

/** The order as the address has it: the usual one goes without saying. */
export const sortWord = ({ key, descending }: Sort): ContainerSearch['sort'] =>
  key === 'name' && !descending ? undefined : descending ? `-${key}` : key;
