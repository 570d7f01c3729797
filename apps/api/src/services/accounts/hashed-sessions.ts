import { hash } from 'node:crypto';
import type { Where } from 'better-auth';
import { wrapAdapterCalls, type AdapterCall, type AdapterCallWrapper, type CreateAdapter } from './adapter-calls.js';

/** Returns the SHA-256 of a session cookie's token, as stored in the database. */
export const hashSessionToken = (token: string): string => hash('sha256', token, 'base64url');

/**
 * Wraps better-auth's database adapter to store sessions' tokens as hashes. better-auth stores the tokens themselves,
 * so that anyone who can read the database could act as any signed-in user. The wrapper stores and queries hashes, and
 * returns to better-auth the token that it passed in.
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
