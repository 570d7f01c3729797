import { aroundCalls, type CreateAdapter } from './adapter-calls.js';

/**
 * better-auth's way to the database, but for instants: better-auth reads this machine's clock and takes no other. Through
 * this, what it stores and asks for is by the database's clock, and what it is given back is by this machine's.
 * `skewMs`: milliseconds by which this machine's clock is ahead.
 */
export const withDatabaseClock = (createAdapter: CreateAdapter, skewMs: () => number): CreateAdapter =>
  aroundCalls(createAdapter, async (method, call) => {
    // One value for the whole call, so that what it wrote comes back as it was.
    const ms = skewMs();
    return shiftInstants(await method(shiftInstants(call, -ms)), ms);
  });

/** The same value with each instant in it moved. */
function shiftInstants<T>(value: T, ms: number): T;
function shiftInstants(value: unknown, ms: number): unknown {
  if (value instanceof Date) return new Date(value.getTime() + ms);
  if (Array.isArray(value)) return value.map((item: unknown) => shiftInstants(item, ms));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shiftInstants(item, ms)]));
}

const isPlainObject = (value: unknown): value is object => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
