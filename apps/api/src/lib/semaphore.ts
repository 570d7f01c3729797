type Line = 'first' | 'last';

/** Limits the total amount of a resource that all requests share. */
export interface Semaphore {
  /**
   * Acquires `amount`, which must not exceed `capacity`. Call `release` with the same amount later. Returns true
   * synchronously if the amount is available at once, and false synchronously if too many callers wait already.
   * Otherwise resolves with true once the amount is acquired, or with false if the wait times out. False means that
   * nothing was acquired. Waiters in one line are served in order of arrival. Line `first` is served before line `last`
   * until its callers have acquired `firstMax`. Its length is not limited, because its callers may already hold another
   * resource.
   */
  acquire(amount: number, line?: Line): boolean | Promise<boolean>;
  /**
   * Moves an amount that was acquired in line `last` to line `first`. Returns false if it is not this caller's turn in
   * line `first`, or if the amount would exceed `firstMax`.
   */
  moveToFirst(amount: number): boolean;
  /** Releases an amount that was acquired in `line`. */
  release(amount: number, line?: Line): void;
  /** The amount that is currently acquired. */
  readonly acquired: number;
}

export interface SemaphoreOptions {
  capacity: number;
  /** Maximum number of waiters in line `last`. */
  waitingMax: number;
  waitMsMax: number;
  /** Maximum amount that the callers of line `first` acquire. The rest of the capacity is for line `last`. */
  firstMax?: number;
  /** Maximum milliseconds of a wait in line `first`. */
  firstWaitMsMax?: number;
  /** Called for each request that is refused. */
  onRefusal?: () => void;
}

interface Waiter {
  amount: number;
  timer: NodeJS.Timeout;
  admit: (isAcquired: true) => void;
}

export function createSemaphore(options: SemaphoreOptions): Semaphore {
  const { capacity, waitingMax, waitMsMax, firstMax = capacity, firstWaitMsMax = waitMsMax, onRefusal } = options;
  const lines = { first: new Set<Waiter>(), last: new Set<Waiter>() };
  const waitsMsMax = { first: firstWaitMsMax, last: waitMsMax };
  const acquired = { first: 0, last: 0 };

  function refuse(): false {
    onRefusal?.();
    return false;
  }

  const fits = (amount: number, line: Line) =>
    acquired.first + acquired.last + amount <= capacity && (line === 'last' || acquired.first + amount <= firstMax);

  /** Returns whether line `last` may be served: no caller waits in line `first`, or its callers have `firstMax`. */
  function isLastServed(): boolean {
    const [next] = lines.first;
    return next === undefined || acquired.first + next.amount > firstMax;
  }

  function admitLine(line: Line): void {
    for (const waiter of lines[line]) {
      // Small requests do not overtake a large one, because the large one might otherwise wait forever.
      if (!fits(waiter.amount, line)) return;
      lines[line].delete(waiter);
      clearTimeout(waiter.timer);
      acquired[line] += waiter.amount;
      waiter.admit(true);
    }
  }

  function admitWaiters(): void {
    admitLine('first');
    if (isLastServed()) admitLine('last');
  }

  function wait(amount: number, line: Line): Promise<boolean> {
    return new Promise((resolve) => {
      const expire = () => {
        lines[line].delete(waiter);
        resolve(refuse());
        // The amount that is available may suffice for the waiters behind this one.
        admitWaiters();
      };
      const waiter: Waiter = { amount, admit: resolve, timer: setTimeout(expire, waitsMsMax[line]) };
      lines[line].add(waiter);
    });
  }

  return {
    acquire(amount, line = 'last') {
      const isNext = lines[line].size === 0 && (line === 'first' || isLastServed());
      if (isNext && fits(amount, line)) {
        acquired[line] += amount;
        return true;
      }
      if (line === 'last' && lines.last.size >= waitingMax) return refuse();
      return wait(amount, line);
    },
    moveToFirst(amount) {
      if (lines.first.size > 0 || acquired.first + amount > firstMax) return false;
      acquired.last -= amount;
      acquired.first += amount;
      return true;
    },
    release(amount, line = 'last') {
      acquired[line] -= amount;
      admitWaiters();
    },
    get acquired() {
      return acquired.first + acquired.last;
    },
  };
}
