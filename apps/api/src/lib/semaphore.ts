/** Limits the total amount of a resource that all requests share. */
export interface Semaphore {
  /**
   * Acquires `amount`, which must not exceed `capacity`. Call `release` with the same amount later. Returns true
   * synchronously if the amount is available at once, and false synchronously if too many callers wait already.
   * Otherwise resolves with true once the amount is acquired, or with false if the wait times out. False means that
   * nothing was acquired. Waiters in one line are served in order of arrival, and line `last` is served only while line
   * `first` is empty. Line `first` is for callers that may already hold an amount, so its length is not limited.
   */
  acquire(amount: number, line?: 'first' | 'last'): boolean | Promise<boolean>;
  release(amount: number): void;
  /** The amount that is currently acquired. */
  readonly acquired: number;
}

export interface SemaphoreOptions {
  capacity: number;
  /** Maximum number of waiters in line `last`. */
  waitingMax: number;
  waitMsMax: number;
  /** Called for each request that is refused. */
  onRefusal?: () => void;
}

interface Waiter {
  amount: number;
  timer: NodeJS.Timeout;
  admit: (isAcquired: true) => void;
}

export function createSemaphore(options: SemaphoreOptions): Semaphore {
  const { capacity, waitingMax, waitMsMax, onRefusal } = options;
  const lines = { first: new Set<Waiter>(), last: new Set<Waiter>() };
  let acquired = 0;

  function refuse(): false {
    onRefusal?.();
    return false;
  }

  const fits = (amount: number) => acquired + amount <= capacity;

  function admitWaiters(): void {
    for (const line of [lines.first, lines.last]) {
      for (const waiter of line) {
        // Small requests do not overtake a large one, because the large one might otherwise wait forever.
        if (!fits(waiter.amount)) return;
        line.delete(waiter);
        clearTimeout(waiter.timer);
        acquired += waiter.amount;
        waiter.admit(true);
      }
    }
  }

  function wait(amount: number, line: Set<Waiter>): Promise<boolean> {
    return new Promise((resolve) => {
      const expire = () => {
        line.delete(waiter);
        resolve(refuse());
        // The amount that is available may suffice for the waiters behind this one.
        admitWaiters();
      };
      const waiter: Waiter = { amount, admit: resolve, timer: setTimeout(expire, waitMsMax) };
      line.add(waiter);
    });
  }

  return {
    acquire(amount, line = 'last') {
      const isNext = lines.first.size === 0 && (line === 'first' || lines.last.size === 0);
      if (isNext && fits(amount)) {
        acquired += amount;
        return true;
      }
      if (line === 'last' && lines.last.size >= waitingMax) return refuse();
      return wait(amount, lines[line]);
    },
    release(amount) {
      acquired -= amount;
      admitWaiters();
    },
    get acquired() {
      return acquired;
    },
  };
}
