import { hash } from 'node:crypto';
import type { BetterAuthOptions, DBAdapter, DBTransactionAdapter, Where } from 'better-auth';

/** SHA-256 of what a session's cookie holds, as the database keeps it. */
export const hashSessionToken = (token: string): string => hash('sha256', token, 'base64url');

type Adapter = DBAdapter;
type InTransaction = DBTransactionAdapter;

/**
 * better-auth's way to the database, but for sessions' tokens: better-auth stores them as they are, so that whoever
 * reads the database could act as anybody who is signed in. Through this their hashes are stored and asked for, and
 * better-auth is given back the token that it asked by.
 */
export const withHashedSessions =
  (createAdapter: (options: BetterAuthOptions) => Adapter) =>
  (options: BetterAuthOptions): Adapter => {
    const adapter = createAdapter(options);
    return {
      ...adapter,
      ...hashing(adapter),
      transaction: (action) => adapter.transaction((inner) => action(hashing(inner))),
    };
  };

/** What a call of an adapter can carry a token in. */
interface Call {
  model: string;
  data?: object;
  update?: object;
  where?: Where[] | undefined;
}

const METHODS = [
  ...(['create', 'findOne', 'findMany', 'count', 'consumeOne', 'incrementOne'] as const),
  ...(['update', 'updateMany', 'delete', 'deleteMany'] as const),
] as const;

function hashing<A extends InTransaction>(adapter: A): A {
  const hashed = METHODS.map((name) => {
    const method = adapter[name] as (call: Call) => Promise<unknown>;
    return [name, (call: Call) => (call.model === 'session' ? withHashes(method, call) : method(call))];
  });
  return { ...adapter, ...(Object.fromEntries(hashed) as object) };
}

async function withHashes(method: (call: Call) => Promise<unknown>, call: Call): Promise<unknown> {
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
}

const hashCondition = (condition: Where, hashOf: (token: unknown) => unknown): Where => {
  if (condition.field !== 'token') return condition;
  const { value } = condition;
  return { ...condition, value: (Array.isArray(value) ? value.map(hashOf) : hashOf(value)) as Where['value'] };
};
