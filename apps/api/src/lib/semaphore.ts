/** A resource that all requests share, with a limited total amount. */
export interface Allowance {
  /**
   * Acquires `amount`, at most `capacity`, which `give` releases. Returns true synchronously if it is available at
   * once, and false synchronously if too many callers wait already. Otherwise resolves with true once it is acquired,
   * or with false if the wait times out. False means that nothing was acquired. Waiters are served in order of arrival,
   * those of line `first` before all others. Line `first` is for callers that may hold an amount already, so its length
   * is not limited.
   */
  take(amount: number, line?: 'first' | 'last'): boolean | Promise<boolean>;
  give(amount: number): void;
}

export interface AllowanceOptions {
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
  begin: (isTaken: true) => void;
}

export function createAllowance(options: AllowanceOptions): Allowance {
  const { capacity, waitingMax, waitMsMax, onRefusal } = options;
  const lines = { first: new Set<Waiter>(), last: new Set<Waiter>() };
  let taken = 0;

  function refuse(): false {
    onRefusal?.();
    return false;
  }

  const fits = (amount: number) => taken + amount <= capacity;

  function letIn(): void {
    for (const line of [lines.first, lines.last]) {
      for (const waiter of line) {
        // A waiter that needs much is not overtaken by those that need little; otherwise its turn might never come.
        if (!fits(waiter.amount)) return;
        line.delete(waiter);
        clearTimeout(waiter.timer);
        taken += waiter.amount;
        waiter.begin(true);
      }
    }
  }

  function wait(amount: number, line: Set<Waiter>): Promise<boolean> {
    return new Promise((resolve) => {
      const expire = () => {
        line.delete(waiter);
        resolve(refuse());
        // The waiters behind it may need less than it did.
        letIn();
      };
      const waiter: Waiter = { amount, begin: resolve, timer: setTimeout(expire, waitMsMax) };
      line.add(waiter);
    });
  }

  return {
    take(amount, line = 'last') {
      const isNext = lines.first.size === 0 && (line === 'first' || lines.last.size === 0);
      if (isNext && fits(amount)) {
        taken += amount;
        return true;
      }
      if (line === 'last' && lines.last.size >= waitingMax) return refuse();
      return wait(amount, lines[line]);
    },
    give(amount) {
      taken -= amount;
      letIn();
    },
  };
}
