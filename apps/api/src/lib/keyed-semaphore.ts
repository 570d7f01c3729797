/** One semaphore per key: each key has its own permits, independent of other keys. */
export interface KeyedSemaphore {
  /**
   * Takes a permit of `key`, to be given back with `release`: true. False if too many wait for this key, or if none came
   * free in time. There is nothing to await if the answer is known at once.
   */
  acquire(key: string): boolean | Promise<boolean>;
  release(key: string): void;
  /** Keys with a permit out. */
  readonly size: number;
}

export interface KeyedSemaphoreOptions {
  /** Permits of one key. */
  permits: number;
  /** How many may wait for one key at once. */
  waitingMax: number;
  waitMsMax: number;
}

interface Line {
  taken: number;
  /** In the order of arrival. */
  waiting: Set<() => void>;
}

/** A key costs memory only while a permit of it is out. */
export function createKeyedSemaphore({ permits, waitingMax, waitMsMax }: KeyedSemaphoreOptions): KeyedSemaphore {
  const lines = new Map<string, Line>();

  function wait({ waiting }: Line): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(admit);
        resolve(false);
      }, waitMsMax);
      const admit = () => {
        clearTimeout(timer);
        resolve(true);
      };
      waiting.add(admit);
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
