import { createSemaphore, type Semaphore } from './semaphore.js';

/** One semaphore per key. Keys do not affect each other. */
export interface KeyedSemaphore {
  /**
   * Acquires a permit of `key`. The result is true once the permit is acquired, and false if too many callers wait for
   * this key or the wait times out. Returns synchronously if no wait is needed. If the result is true, call `release`
   * later.
   */
  acquire(key: string): boolean | Promise<boolean>;
  release(key: string): void;
  /** The number of keys with an acquired permit. */
  readonly size: number;
}

export interface KeyedSemaphoreOptions {
  /** Number of permits per key. */
  permits: number;
  /** Maximum number of callers that wait for one key at a time. */
  waitingMax: number;
  waitMsMax: number;
}

/** Creates the semaphores. A key uses memory only while one of its permits is held. */
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
