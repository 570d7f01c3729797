import type { RequestHandler } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { createTokenBuckets } from '../lib/token-bucket.js';
import { RateLimitedError } from '../errors.js';
import { enrollmentOf } from './auth.js';

/** Enrollments with one token, and from one address: a fleet of 12,000 comes at once, behind one NAT or not. */
const FLEET = { perMinute: 1_200, burst: 12_000 };

/** Enrollments of one machine with one token: an agent repeats one whose answer was lost, a few times. */
const MACHINE = { perMinute: 6, burst: 20 };

export interface EnrollmentLimit {
  /**
   * Limits calls by enrollment token and by address. Stands behind the authentication, before the body is read.
   * @throws RateLimitedError beyond the limit.
   */
  beforeBody: RequestHandler;
  /** @throws RateLimitedError if one machine is enrolled with one token again and again. */
  requireMachineAllowed(enrollmentTokenId: string, engineId: string): void;
}

/** Limits how often hosts are enrolled, in this process. Enrollment is the only call that makes rows for its caller. */
export function limitEnrollments(elapsedMs: () => number): EnrollmentLimit {
  const byToken = createTokenBuckets(FLEET);
  const byAddress = createTokenBuckets(FLEET);
  const byMachine = createTokenBuckets(MACHINE);

  function take(buckets: typeof byToken, key: string, whose: string): void {
    const { allowed, retryAfterMs } = buckets.take(key, elapsedMs());
    if (!allowed) throw new RateLimitedError(`Too many enrollments ${whose}.`, retryAfterMs);
  }

  return {
    beforeBody: (req, res, next) => {
      take(byToken, enrollmentOf(res).enrollmentTokenId, 'with this token');
      take(byAddress, addressGroup(req.ip ?? ''), 'from this address');
      next();
    },
    requireMachineAllowed(enrollmentTokenId, engineId) {
      take(byMachine, `${enrollmentTokenId}:${engineId}`, 'of this machine');
    },
  };
}
