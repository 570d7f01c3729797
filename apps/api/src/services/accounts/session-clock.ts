import { wrapAdapterCalls, type CreateAdapter } from './adapter-calls.js';

/**
 * Wraps better-auth's database adapter to convert timestamps. better-auth can only use this machine's clock. The
 * wrapper converts what better-auth stores and queries to database time, and what it reads to this machine's time.
 * `skewMs` is how many milliseconds this machine's clock is ahead.
 */
export const withDatabaseClock = (createAdapter: CreateAdapter, skewMs: () => number): CreateAdapter =>
  wrapAdapterCalls(createAdapter, async (method, call) => {
    // One value for the whole call, so that what it wrote is returned unchanged.
    const ms = skewMs();
    return shiftInstants(await method(shiftInstants(call, -ms)), ms);
  });

/** Returns the same value with each timestamp in it shifted. */
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
