import { addressGroup } from '../../lib/address-group.js';
import { createTokenBuckets } from '../../lib/token-bucket.js';
import { RateLimitedError } from '../../errors.js';

export interface SignInLimit {
  /**
   * Counts an attempt to sign in or to confirm a password, before any expensive work. `account` is set if the attempt
   * names one.
   * @throws RateLimitedError if there were too many attempts from this address, or for this account from any address.
   */
  take(address: string, account?: string): void;
}

/**
 * Limits attempts per minute to `perMinute` from one address, and to half as many for one account; 0 means no limit.
 * Each process counts separately, and only in memory.
 */
export function createSignInLimit(perMinute: number, elapsedMs: () => number): SignInLimit {
  if (perMinute === 0) return { take: () => undefined };
  const ofAccount = Math.max(1, perMinute / 2);
  const addresses = createTokenBuckets({ perMinute, burst: perMinute });
  const accounts = createTokenBuckets({ perMinute: ofAccount, burst: ofAccount });
  return {
    take(address, account) {
      // An address over its own limit does not use up an account's limit.
      const taken = [
        () => addresses.take(addressGroup(address), elapsedMs()),
        ...(account === undefined ? [] : [() => accounts.take(account, elapsedMs())]),
      ];
      for (const take of taken) {
        const { allowed, retryAfterMs } = take();
        if (!allowed) throw new RateLimitedError('Too many sign-in attempts. Wait and try again.', retryAfterMs);
      }
    },
  };
}
