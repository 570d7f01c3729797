import { hash } from 'node:crypto';
import type { Where } from 'better-auth';
import { aroundCalls, type AdapterCall, type AroundCall, type CreateAdapter } from './adapter-calls.js';

/** SHA-256 of what a session's cookie holds, as the database keeps it. */
export const hashSessionToken = (token: string): string => hash('sha256', token, 'base64url');

/**
 * better-auth's way to the database, but for sessions' tokens: better-auth stores them as they are, so that whoever
 * reads the database could act as anybody who is signed in. Through this their hashes are stored and asked for, and
 * better-auth is given back the token that it asked by.
 */
export const withHashedSessions = (createAdapter: CreateAdapter): CreateAdapter =>
  aroundCalls(createAdapter, (method, call) => (call.model === 'session' ? withHashes(method, call) : method(call)));

const withHashes: AroundCall = async (method, call: AdapterCall) => {
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
