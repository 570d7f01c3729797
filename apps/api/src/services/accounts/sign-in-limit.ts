import { addressGroup } from '../../lib/address-group.js';
import { createTokenBuckets } from '../../lib/token-bucket.js';
import { RateLimitedError } from '../../errors.js';

export interface SignInLimit {
  /**
   * Counts an attempt to sign in or to confirm a password. Call this method before any expensive work. `account` is set
   * if the attempt identifies an account.
   * @throws RateLimitedError if there were too many attempts from this address, or for this account from any address.
   */
  take(address: string, account?: string): void;
}

/**
 * Limits attempts to `perMinute` per minute from one address, and to half as many for one account. If `perMinute` is 0,
 * there is no limit. Each process counts separately, in memory.
 */
export function createSignInLimit(perMinute: number, elapsedMs: () => number): SignInLimit {
  if (perMinute === 0) return { take: () => undefined };
  const perMinuteOfAccount = Math.max(1, perMinute / 2);
  const addresses = createTokenBuckets({ perMinute, burst: perMinute });
  const accounts = createTokenBuckets({ perMinute: perMinuteOfAccount, burst: perMinuteOfAccount });
  return {
    take(address, account) {
      // Check the address's limit first. An address over its limit then does not use up an account's limit.
      const takes = [
        () => addresses.take(addressGroup(address), elapsedMs()),
        ...(account === undefined ? [] : [() => accounts.take(account, elapsedMs())]),
      ];
      for (const take of takes) {
        const { isAllowed, retryAfterMs } = take();
        if (!isAllowed) throw new RateLimitedError('Too many sign-in attempts. Wait and try again.', retryAfterMs);
      }
    },
  };
}
