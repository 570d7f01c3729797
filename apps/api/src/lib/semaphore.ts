/** A resource that all requests share, with a limited total amount. */
export interface Semaphore {
  /**
   * Acquires `amount`, at most `capacity`, which `give` releases. Returns true synchronously if it is available at
   * once, and false synchronously if too many callers wait already. Otherwise resolves with true once it is acquired,
   * or with false if the wait times out. False means that nothing was acquired. Waiters are served in order of arrival,
   * those of line `first` before all others. Line `first` is for callers that may hold an amount already, so its length
   * is not limited.
   */
  acquire(amount: number, line?: 'first' | 'last'): boolean | Promise<boolean>;
  release(amount: number): void;
  /** The amount that is acquired now. */
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
  admit: (isTaken: true) => void;
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
        // A waiter that needs much is not overtaken by those that need little; otherwise its turn might never come.
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
        // The waiters behind it may need less than it did.
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
