import { InvalidRequestError } from '../errors.js';

/** As a query has it: the key, with a `-` before it where the order is turned round. */
export const sortName = ({ key, descending }: { key: string; descending: boolean }): string =>
  descending ? `-${key}` : key;

/** Holds a cursor to the order that it was given in. @throws InvalidRequestError naming `cursor` for another one. */
export function requireSameSort(given: string, sort: { key: string; descending: boolean }): void {
  if (given === sortName(sort)) return;
  throw new InvalidRequestError('The request is not valid.', [
    { path: '/cursor', message: `was given for sort=${given.slice(0, 32)}; send it with the same sort` },
  ]);
}
