import type { ErrorRequestHandler } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { createTokenBuckets } from '../lib/token-bucket.js';
import { RateLimitedError, TokenInvalidError } from '../errors.js';

/**
 * Responds with 429 instead of 401 to an address that sends more than `perMinute` requests without valid credentials
 * per minute. If `perMinute` is 0, there is no limit. Only failures count, so a valid token works from any address, and
 * one misconfigured host does not lock out 500 other hosts behind the same NAT.
 */
export function limitAuthFailures(perMinute: number, elapsedMs: () => number): ErrorRequestHandler {
  if (perMinute === 0) return (thrown: unknown, _req, _res, next) => next(thrown);
  const buckets = createTokenBuckets({ perMinute, burst: perMinute });
  return (thrown: unknown, req, _res, next) => {
    if (!(thrown instanceof TokenInvalidError)) {
      next(thrown);
      return;
    }
    const { isAllowed, retryAfterMs } = buckets.take(addressGroup(req.ip ?? ''), elapsedMs());
    const rateLimited = () =>
      new RateLimitedError('Too many requests without valid credentials from this address.', retryAfterMs);
    next(isAllowed ? thrown : rateLimited());
  };
}
