import { InvalidRequestError } from '../errors.js';

/** Formats a sort as in a query: the key, prefixed with `-` if descending. */
export const formatSort = ({ key, descending }: { key: string; descending: boolean }): string =>
  descending ? `-${key}` : key;

/** Requires that a cursor was issued for this sort. @throws InvalidRequestError naming `cursor` if not. */
export function requireSameSort(given: string, sort: { key: string; descending: boolean }): void {
  if (given === formatSort(sort)) return;
  throw new InvalidRequestError('The request is not valid.', [
    { path: '/cursor', message: `was given for sort=${given.slice(0, 32)}; send it with the same sort` },
  ]);
}
