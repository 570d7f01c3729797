import type { ErrorRequestHandler } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { createTokenBuckets } from '../lib/token-bucket.js';
import { RateLimitedError, TokenInvalidError } from '../errors.js';

/**
 * Answers 429 in place of 401 to an address from which more than so many requests a minute came without good
 * credentials, whatever kind these were; 0: never. It counts failures alone: a good token is good from any address, so
 * that five hundred hosts behind one do not pay for a neighbour.
 */
export function limitFailures(perMinute: number, elapsedMs: () => number): ErrorRequestHandler {
  if (perMinute === 0) return (thrown: unknown, _req, _res, next) => next(thrown);
  const buckets = createTokenBuckets({ perMinute, burst: perMinute });
  return (thrown: unknown, req, _res, next) => {
    if (!(thrown instanceof TokenInvalidError)) {
      next(thrown);
      return;
    }
    const { allowed, retryAfterMs } = buckets.take(addressGroup(req.ip ?? ''), elapsedMs());
    const refusal = () =>
      new RateLimitedError('Too many requests without a good token from this address.', retryAfterMs);
    next(allowed ? thrown : refusal());
  };
}
