import { createSemaphore, type Semaphore } from './semaphore.js';

/** One semaphore per key; keys are independent of each other. */
export interface KeyedSemaphore {
  /**
   * Acquires a permit of `key`. Resolves false if too many callers wait for this key or the wait times out. Returns
   * synchronously if no wait is needed. Call `release` after true.
   */
  acquire(key: string): boolean | Promise<boolean>;
  release(key: string): void;
  /** Keys with an acquired permit. */
  readonly size: number;
}

export interface KeyedSemaphoreOptions {
  /** Permits per key. */
  permits: number;
  /** Maximum callers that may wait for one key at a time. */
  waitingMax: number;
  waitMsMax: number;
}

/** Creates the semaphores. A key uses memory only while one of its permits is acquired. */
export function createKeyedSemaphore({ permits, waitingMax, waitMsMax }: KeyedSemaphoreOptions): KeyedSemaphore {
  const semaphores = new Map<string, Semaphore>();
  return {
    acquire(key) {
      let semaphore = semaphores.get(key);
      if (semaphore === undefined) {
        semaphore = createSemaphore({ capacity: permits, waitingMax, waitMsMax });
        semaphores.set(key, semaphore);
      }
      return semaphore.acquire(1);
    },
    release(key) {
      const semaphore = semaphores.get(key);
      if (semaphore === undefined) return;
      semaphore.release(1);
      if (semaphore.acquired === 0) semaphores.delete(key);
    },
    get size() {
      return semaphores.size;
    },
  };
}
