import { addressGroup } from '../lib/address-group.js';
import { createTokenBuckets } from '../lib/token-bucket.js';
import { RateLimitedError } from '../errors.js';

/**
 * The limit per token and per address. A fleet of 12,000 hosts may enroll at the same time, possibly behind one NAT.
 */
const ENROLLMENT_LIMIT = { perMinute: 1_200, burst: 12_000 };

/** The limit per machine and token. An agent retries a few times if a response was lost. */
const MACHINE_LIMIT = { perMinute: 6, burst: 20 };

export interface EnrollmentLimit {
  /**
   * Limits calls per enrollment token and per address.
   * @throws RateLimitedError if the limit is exceeded.
   */
  limitCalls(enrollmentTokenId: string, address: string): void;
  /** @throws RateLimitedError if one machine enrolls with one token too often. */
  limitMachine(enrollmentTokenId: string, engineId: string): void;
}

/** Limits the enrollments that one process accepts, because each enrollment can create a host. */
export function createEnrollmentLimit(elapsedMs: () => number): EnrollmentLimit {
  const byToken = createTokenBuckets(ENROLLMENT_LIMIT);
  const byAddress = createTokenBuckets(ENROLLMENT_LIMIT);
  const byMachine = createTokenBuckets(MACHINE_LIMIT);

  function take(buckets: typeof byToken, key: string, whose: string): void {
    const { isAllowed, retryAfterMs } = buckets.take(key, elapsedMs());
    if (!isAllowed) throw new RateLimitedError(`Too many enrollments ${whose}. Retry later.`, retryAfterMs);
  }

  return {
    limitCalls(enrollmentTokenId, address) {
      take(byToken, enrollmentTokenId, 'with this token');
      take(byAddress, addressGroup(address), 'from this address');
    },
    limitMachine(enrollmentTokenId, engineId) {
      take(byMachine, `${enrollmentTokenId}:${engineId}`, 'of this machine');
    },
  };
}
