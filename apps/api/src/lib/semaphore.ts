type Priority = 'high' | 'normal';

/** Limits the total amount of a resource that all requests share. */
export interface Semaphore {
  /**
   * Acquires `amount`, which must not exceed `capacity`. Call `release` later with the same amount and priority.
   * Returns true synchronously if the amount is available at once, and false synchronously if too many callers wait
   * already. Otherwise resolves with true once the amount is acquired, or with false if the wait times out. False means
   * that nothing was acquired. Waiters of one priority are served in order of arrival. Waiters of high priority are
   * served before all others, as long as callers of high priority hold at most `highMax`. The number of waiters of high
   * priority is not limited, because they may already hold another resource.
   */
  acquire(amount: number, priority?: Priority): boolean | Promise<boolean>;
  /**
   * Changes the priority of an acquired amount from normal to high. Returns false if callers of high priority are
   * waiting, or if high priority would exceed `highMax`.
   */
  promote(amount: number): boolean;
  release(amount: number, priority?: Priority): void;
  /** The amount that is currently acquired. */
  readonly acquired: number;
}

export interface SemaphoreOptions {
  capacity: number;
  /** Maximum number of waiters of normal priority. */
  waitingMax: number;
  waitMsMax: number;
  /** Maximum amount that callers of high priority hold. The rest of the capacity is for normal priority. */
  highMax?: number;
  /** Maximum milliseconds of a wait with high priority. By default, `waitMsMax`. */
  highWaitMsMax?: number;
  /** Called for each `acquire` that is refused or times out. */
  onRefusal?: () => void;
}

interface Waiter {
  amount: number;
  timer: NodeJS.Timeout;
  admit: (isAcquired: true) => void;
}

export function createSemaphore(options: SemaphoreOptions): Semaphore {
  const { capacity, waitingMax, waitMsMax, highMax = capacity, highWaitMsMax = waitMsMax, onRefusal } = options;
  const waiters = { high: new Set<Waiter>(), normal: new Set<Waiter>() };
  const waitsMsMax = { high: highWaitMsMax, normal: waitMsMax };
  const acquired = { high: 0, normal: 0 };

  function refuse(): false {
    onRefusal?.();
    return false;
  }

  const exceedsHighMax = (amount: number) => acquired.high + amount > highMax;

  const fits = (amount: number, priority: Priority) =>
    acquired.high + acquired.normal + amount <= capacity && (priority === 'normal' || !exceedsHighMax(amount));

  /**
   * Returns whether callers of normal priority are served. They are not served while a caller of high priority waits
   * for free capacity. A caller of high priority that would exceed `highMax` does not block callers of normal priority.
   */
  function isNormalServed(): boolean {
    const [next] = waiters.high;
    return next === undefined || exceedsHighMax(next.amount);
  }

  function admitWaitersOf(priority: Priority): void {
    for (const waiter of waiters[priority]) {
      // Small requests do not overtake a large one, because the large one might otherwise wait forever.
      if (!fits(waiter.amount, priority)) return;
      waiters[priority].delete(waiter);
      clearTimeout(waiter.timer);
      acquired[priority] += waiter.amount;
      waiter.admit(true);
    }
  }

  function admitWaiters(): void {
    admitWaitersOf('high');
    if (isNormalServed()) admitWaitersOf('normal');
  }

  function wait(amount: number, priority: Priority): Promise<boolean> {
    return new Promise((resolve) => {
      const expire = () => {
        waiters[priority].delete(waiter);
        resolve(refuse());
        // The available amount may suffice for the waiters that were behind this waiter.
        admitWaiters();
      };
      const waiter: Waiter = { amount, admit: resolve, timer: setTimeout(expire, waitsMsMax[priority]) };
      waiters[priority].add(waiter);
    });
  }

  return {
    acquire(amount, priority = 'normal') {
      const isNext = waiters[priority].size === 0 && (priority === 'high' || isNormalServed());
      if (isNext && fits(amount, priority)) {
        acquired[priority] += amount;
        return true;
      }
      if (priority === 'normal' && waiters.normal.size >= waitingMax) return refuse();
      return wait(amount, priority);
    },
    promote(amount) {
      if (waiters.high.size > 0 || exceedsHighMax(amount)) return false;
      acquired.normal -= amount;
      acquired.high += amount;
      return true;
    },
    release(amount, priority = 'normal') {
      acquired[priority] -= amount;
      admitWaiters();
    },
    get acquired() {
      return acquired.high + acquired.normal;
    },
  };
}
