import { addressGroup } from '../../lib/address-group.js';
import { createTokenBuckets } from '../../lib/token-bucket.js';
import { RateLimitedError } from '../../errors.js';

export interface SignInLimit {
  /**
   * Counts a try to sign in or to prove a password, before it costs anything; `account` where one is named.
   * @throws RateLimitedError where there were too many from this address, or for this account from anywhere.
   */
  take(address: string, account?: string): void;
}

/**
 * Lets through so many tries a minute from one address, and half as many for one account; 0: any number. Each process
 * counts for itself, and forgets it all when it ends.
 */
export function createSignInLimit(perMinute: number, elapsedMs: () => number): SignInLimit {
  if (perMinute === 0) return { take: () => undefined };
  const ofAccount = Math.max(1, perMinute / 2);
  const addresses = createTokenBuckets({ perMinute, burst: perMinute });
  const accounts = createTokenBuckets({ perMinute: ofAccount, burst: ofAccount });
  return {
    take(address, account) {
      // An address that has used up its own tries does not use up an account's.
      const taken = [
        () => addresses.take(addressGroup(address), elapsedMs()),
        ...(account === undefined ? [] : [() => accounts.take(account, elapsedMs())]),
      ];
      for (const take of taken) {
        const { allowed, retryAfterMs } = take();
        if (!allowed) throw new RateLimitedError('Too many tries to sign in. Wait, and try again.', retryAfterMs);
      }
    },
  };
}
