/** Something of which there is only so much for all requests at once. */
export interface Allowance {
  /**
   * Takes so much of it, `capacity` at most, to be given back by `give`: true. There is nothing to await where it is to
   * be had at once, or never; else its turn comes within the time that one may wait. False: too many wait already, or
   * the turn did not come in time; then nothing was taken. Turns go by arrival, those in the `first` line before all
   * others, which may hold something already and so are never too many.
   */
  take(amount: number, line?: 'first' | 'last'): boolean | Promise<boolean>;
  give(amount: number): void;
}

export interface AllowanceOptions {
  capacity: number;
  /** Who may wait in the last line at once. */
  waitingMax: number;
  waitMsMax: number;
  /** Called for each whose turn does not come. */
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
        // One that needs much is not overtaken by those that need little, or its turn might never come.
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
        // Those behind it may need less than it did.
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
