import { InvalidRequestError } from '../errors.js';

/**
 * Cursors: where a page ended, as the sort values of its last row, in base64url. They are opaque to clients and hold
 * no secret, so they are checked for shape and never trusted for scope.
 */
export const encodeCursor = (values: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(values)).toString('base64url');

/** What a value in a cursor is, by what SQL takes it for: an `int4` or `int8` is a whole number that such a column holds. */
type CursorKind = 'string' | 'int4' | 'int8' | 'uuid' | 'instant';
type CursorValues<K extends readonly CursorKind[]> = { [I in keyof K]: K[I] extends 'int4' | 'int8' ? number : string };

/**
 * Reads a cursor of exactly these kinds of value.
 * @throws InvalidRequestError naming `cursor` if this is not one that such a list gave.
 */
export function decodeCursor<const K extends readonly CursorKind[]>(cursor: string, kinds: K): CursorValues<K> {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw badCursor();
  }
  if (!Array.isArray(values) || values.length !== kinds.length) throw badCursor();
  if (!kinds.every((kind, index) => IS_KIND[kind](values[index]))) throw badCursor();
  return values as unknown as CursorValues<K>;
}

const INT4_MAX = 2 ** 31 - 1;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const IS_KIND = {
  string: (value: unknown) => typeof value === 'string' && !value.includes('\0') && value.isWellFormed(),
  int4: (value: unknown) => isWholeNumber(value) && Math.abs(value) <= INT4_MAX,
  // JSON's numbers are exact up to here; no counter of ours comes near.
  int8: (value: unknown) => isWholeNumber(value),
  uuid: (value: unknown) => typeof value === 'string' && UUID.test(value),
  instant: (value: unknown) => typeof value === 'string' && /^(?!0000)\d{4}-\d\d-\d\dT/.test(value) && isInstant(value),
} as const;

const isWholeNumber = (value: unknown): value is number => Number.isSafeInteger(value) && !Object.is(value, -0);

function isInstant(value: string): boolean {
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
}

const badCursor = () =>
  new InvalidRequestError('The request is not valid.', [
    { path: '/cursor', message: 'is not a cursor that this list gave for this order' },
  ]);
