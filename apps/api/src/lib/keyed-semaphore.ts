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

interface PermitQueue {
  taken: number;
  /** In order of arrival. */
  waiting: Set<() => void>;
}

/** Creates the semaphores. A key uses memory only while one of its permits is acquired. */
export function createKeyedSemaphore({ permits, waitingMax, waitMsMax }: KeyedSemaphoreOptions): KeyedSemaphore {
  const lines = new Map<string, PermitQueue>();

  function wait({ waiting }: PermitQueue): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(grant);
        resolve(false);
      }, waitMsMax);
      const grant = () => {
        clearTimeout(timer);
        resolve(true);
      };
      waiting.add(grant);
    });
  }

  return {
    acquire(key) {
      const line = lines.get(key);
      if (line === undefined) {
        lines.set(key, { taken: 1, waiting: new Set() });
        return true;
      }
      if (line.taken < permits) {
        line.taken += 1;
        return true;
      }
      return line.waiting.size < waitingMax && wait(line);
    },
    release(key) {
      const line = lines.get(key);
      if (line === undefined) return;
      const [next] = line.waiting;
      if (next !== undefined) {
        // The permit passes to the caller that has waited longest.
        line.waiting.delete(next);
        next();
        return;
      }
      line.taken -= 1;
      if (line.taken === 0) lines.delete(key);
    },
    get size() {
      return lines.size;
    },
  };
}
