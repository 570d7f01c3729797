import type { RequestHandler } from 'express';
import { createTokenBuckets } from '../domain/token-bucket.js';
import { RateLimitedError } from '../errors.js';
import { agentOf } from './auth.js';

/** Of a minute's requests, those that may come at once; where that is few, so many all the same. */
const BURST_SHARE = 1 / 10;
const BURST_MIN = 10;

/**
 * Lets each host's agent make so many requests a minute, 0: any number, and tells it how many are left
 * (draft-ietf-httpapi-ratelimit-headers-11). It counts by host, not by token, so that rotating buys nothing, and in this
 * process alone: ADR 8 says why.
 *
 * @throws RateLimitedError beyond it, before the body is read.
 */
export function limitAgents(perMinute: number, elapsedMs: () => number): RequestHandler {
  if (perMinute === 0) return (_req, _res, next) => next();
  const burst = Math.min(perMinute, Math.max(BURST_MIN, Math.ceil(perMinute * BURST_SHARE)));
  const buckets = createTokenBuckets({ perMinute, burst });
  const policy = `"agent";q=${perMinute};w=60`;
  return (_req, res, next) => {
    const { allowed, remaining, retryAfterMs, fullInMs } = buckets.take(agentOf(res).hostId, elapsedMs());
    res.setHeader('RateLimit-Policy', policy);
    res.setHeader('RateLimit', `"agent";r=${remaining};t=${Math.ceil((allowed ? fullInMs : retryAfterMs) / 1000)}`);
    if (!allowed) throw new RateLimitedError(`This host may make ${perMinute} requests a minute.`, retryAfterMs);
    next();
  };
}
