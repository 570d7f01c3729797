import type { ErrorRequestHandler } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { createTokenBuckets } from '../lib/token-bucket.js';
import { RateLimitedError, TokenInvalidError } from '../errors.js';

/**
 * Answers 429 instead of 401 to an address that sends more than this many requests per minute without valid credentials
 * of any kind; 0: never. Only failures count, so a valid token works from any address: five hundred hosts behind one
 * NAT do not suffer from a neighbor.
 */
export function limitAuthFailures(perMinute: number, elapsedMs: () => number): ErrorRequestHandler {
  if (perMinute === 0) return (thrown: unknown, _req, _res, next) => next(thrown);
  const buckets = createTokenBuckets({ perMinute, burst: perMinute });
  return (thrown: unknown, req, _res, next) => {
    if (!(thrown instanceof TokenInvalidError)) {
      next(thrown);
      return;
    }
    const { allowed, retryAfterMs } = buckets.take(addressGroup(req.ip ?? ''), elapsedMs());
    const refusal = () =>
      new RateLimitedError('Too many requests without valid credentials from this address.', retryAfterMs);
    next(allowed ? thrown : refusal());
  };
}
