import { InvalidRequestError } from '../errors.js';

/**
 * Encodes a cursor, which contains the sort values of a page's last row, as base64url JSON. Cursors are opaque to
 * clients and contain no secrets. The shape of a cursor is validated, and a cursor never decides what the caller may
 * read.
 */
export const encodeCursor = (values: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(values)).toString('base64url');

/**
 * The types of cursor values, named after SQL types. `int4` and `int8` are integers in the range of a column of that
 * type.
 */
type CursorKind = 'string' | 'int4' | 'int8' | 'uuid' | 'instant';
type CursorValues<K extends readonly CursorKind[]> = { [I in keyof K]: K[I] extends 'int4' | 'int8' ? number : string };

/**
 * Decodes a cursor whose values have exactly these types.
 * @throws InvalidRequestError for `cursor` if the cursor has other values.
 */
export function decodeCursor<const K extends readonly CursorKind[]>(cursor: string, kinds: K): CursorValues<K> {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw invalidCursor();
  }
  if (!Array.isArray(values) || values.length !== kinds.length) throw invalidCursor();
  if (!kinds.every((kind, index) => IS_VALUE_OF_KIND[kind](values[index]))) throw invalidCursor();
  return values as unknown as CursorValues<K>;
}

const INT4_MAX = 2 ** 31 - 1;

const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const IS_VALUE_OF_KIND = {
  string: (value: unknown) => typeof value === 'string' && !value.includes('\0') && value.isWellFormed(),
  int4: (value: unknown) => isWholeNumber(value) && Math.abs(value) <= INT4_MAX,
  // JSON numbers are exact only up to the largest safe integer. None of our counters comes close to this limit.
  int8: (value: unknown) => isWholeNumber(value),
  uuid: (value: unknown) => typeof value === 'string' && UUID_PATTERN.test(value),
  instant: (value: unknown) => typeof value === 'string' && /^(?!0000)\d{4}-\d\d-\d\dT/.test(value) && isInstant(value),
} as const;

const isWholeNumber = (value: unknown): value is number => Number.isSafeInteger(value) && !Object.is(value, -0);

function isInstant(value: string): boolean {
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
}

const invalidCursor = () =>
  new InvalidRequestError('The request is not valid.', [
    { path: '/cursor', message: 'is not a cursor of this list in this order' },
  ]);

/** Formats a sort like the query parameter `sort`: the key, prefixed with `-` for descending order. */
export const formatSort = ({ key, descending }: { key: string; descending: boolean }): string =>
  descending ? `-${key}` : key;

/**
 * Requires that a cursor was issued for this sort. @throws InvalidRequestError for `cursor` if this is not the case.
 */
export function requireSameSort(cursorSort: string, sort: { key: string; descending: boolean }): void {
  if (cursorSort === formatSort(sort)) return;
  throw new InvalidRequestError('The request is not valid.', [
    { path: '/cursor', message: `belongs to sort=${cursorSort.slice(0, 32)}: send it with the same sort` },
  ]);
}
