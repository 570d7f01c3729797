import type { BetterAuthOptions, DBAdapter, DBTransactionAdapter, Where } from 'better-auth';
import { hash } from 'node:crypto';

/** Returns the SHA-256 of a session cookie's token, as stored in the database. */
export const hashSessionToken = (token: string): string => hash('sha256', token, 'base64url');

/**
 * Wraps better-auth's database adapter to store session tokens as hashes. Without this wrapper, better-auth would store
 * the tokens themselves. Anyone who can read the database could then act as any signed-in user. The wrapper stores and
 * queries only hashes. In each result, it replaces the hash with the token that better-auth passed in.
 */
export const withHashedSessions = (createAdapter: CreateAdapter): CreateAdapter =>
  wrapAdapterCalls(createAdapter, (method, call) =>
    call.model === 'session' ? withHashes(method, call) : method(call),
  );

const withHashes: AdapterCallWrapper = async (method, call: AdapterCall) => {
  const tokens = new Map<unknown, string>();
  const hashOf = (token: unknown): unknown => {
    if (typeof token !== 'string') return token;
    const hashed = hashSessionToken(token);
    tokens.set(hashed, token);
    return hashed;
  };
  const hashIn = (row: object) => ('token' in row ? { ...row, token: hashOf(row.token) } : row);
  const restoreIn = (row: unknown): unknown =>
    typeof row === 'object' && row !== null && 'token' in row
      ? { ...row, token: tokens.get(row.token) ?? row.token }
      : row;

  const { data, update, where } = call;
  const result = await method({
    ...call,
    ...(data === undefined ? {} : { data: hashIn(data) }),
    ...(update === undefined ? {} : { update: hashIn(update) }),
    ...(where === undefined ? {} : { where: where.map((condition) => hashCondition(condition, hashOf)) }),
  });
  return Array.isArray(result) ? result.map(restoreIn) : restoreIn(result);
};

const hashCondition = (condition: Where, hashOf: (token: unknown) => unknown): Where => {
  if (condition.field !== 'token') return condition;
  const { value } = condition;
  return { ...condition, value: (Array.isArray(value) ? value.map(hashOf) : hashOf(value)) as Where['value'] };
};

/**
 * Wraps better-auth's database adapter to convert timestamps, because better-auth can only use this machine's clock.
 * The wrapper converts timestamps in the arguments of a call to database time, and timestamps in the result to this
 * machine's time. `skewMs` returns the milliseconds by which this machine's clock is ahead.
 */
export const withDatabaseClock = (createAdapter: CreateAdapter, skewMs: () => number): CreateAdapter =>
  wrapAdapterCalls(createAdapter, async (method, call) => {
    // One value is used for the whole call, so that the timestamps that the call wrote are returned unchanged.
    const ms = skewMs();
    return shiftInstants(await method(shiftInstants(call, -ms)), ms);
  });

/** Returns a copy of the value in which each timestamp is shifted. */
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

/** The arguments of a call to better-auth's database adapter. */
interface AdapterCall {
  model: string;
  data?: object;
  update?: object;
  where?: Where[] | undefined;
}

/** Calls the adapter's method, possibly with modified arguments, and returns the result. */
type AdapterCallWrapper = (method: (call: AdapterCall) => Promise<unknown>, call: AdapterCall) => Promise<unknown>;

type CreateAdapter = (options: BetterAuthOptions) => DBAdapter;

const METHODS = [
  'create',
  'findOne',
  'findMany',
  'count',
  'consumeOne',
  'incrementOne',
  'update',
  'updateMany',
  'delete',
  'deleteMany',
] as const;

/** Wraps an adapter factory so that each call, including those in a transaction, goes through `wrapper`. */
const wrapAdapterCalls =
  (createAdapter: CreateAdapter, wrapper: AdapterCallWrapper): CreateAdapter =>
  (options) => {
    const adapter = createAdapter(options);
    return {
      ...adapter,
      ...wrapAdapter(adapter, wrapper),
      transaction: (action) => adapter.transaction((inner) => action(wrapAdapter(inner, wrapper))),
    };
  };

function wrapAdapter<A extends DBTransactionAdapter>(adapter: A, wrapper: AdapterCallWrapper): A {
  const methods = METHODS.map((name) => {
    const method = adapter[name] as (call: AdapterCall) => Promise<unknown>;
    return [name, (call: AdapterCall) => wrapper(method, call)];
  });
  return { ...adapter, ...(Object.fromEntries(methods) as object) };
}
