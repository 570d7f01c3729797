import type { Response } from 'express';
import { RateLimitedError } from '../errors.js';
import { createKeyedSemaphore, type KeyedSemaphoreOptions } from '../lib/keyed-semaphore.js';

/**
 * Runs one action per key at a time. A request that waits for its turn releases its request slot.
 * @throws RateLimitedError if too many requests wait or the wait times out, and any error of `action`.
 */
export type RunExclusive = <T>(res: Response, key: string, action: () => T | Promise<T>) => Promise<T>;

/** Creates a mutex per key. `subject` is the word in the error message for what a key identifies, such as `host`. */
export function createKeyedMutex(subject: string, options: Omit<KeyedSemaphoreOptions, 'permits'>): RunExclusive {
  const semaphore = createKeyedSemaphore({ permits: 1, ...options });
  return async (res, key, action) => {
    const permit = semaphore.acquire(key);
    if (permit !== true) {
      res.locals.slot?.release();
      if (!(await permit))
        throw new RateLimitedError(`Other requests of this ${subject} are in progress. Retry later.`, 1_000);
    }
    try {
      await res.locals.slot?.acquire();
      return await action();
    } finally {
      semaphore.release(key);
    }
  };
}
