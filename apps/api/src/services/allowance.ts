import { OverloadedError } from '../errors.js';

/** Something of which there is only so much for all requests at once. */
export interface Allowance {
  /**
   * Takes so much of it, `capacity` at most, to be given back by `give`. There is nothing to await where it is to be
   * had at once; else its turn comes within the time that one may wait. Turns go by arrival, those in the `first` line
   * before all others, which may hold something already and so are never too many.
   * @throws OverloadedError where too many wait already, or the turn did not come in time; then nothing was taken.
   */
  take(amount: number, line?: 'first' | 'last'): Promise<void> | undefined;
  give(amount: number): void;
  /** Whether `take` would refuse at once: nothing is to be had, and no place is left to wait in. Takes nothing. */
  isExhausted(): boolean;
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
  begin: () => void;
}

export function createAllowance(options: AllowanceOptions): Allowance {
  const { capacity, waitingMax, waitMsMax, onRefusal } = options;
  const lines = { first: new Set<Waiter>(), last: new Set<Waiter>() };
  let taken = 0;

  function refusal(): OverloadedError {
    onRefusal?.();
    return new OverloadedError();
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
        waiter.begin();
      }
    }
  }

  function wait(amount: number, line: Set<Waiter>): Promise<void> {
    return new Promise((resolve, reject) => {
      const expire = () => {
        line.delete(waiter);
        reject(refusal());
        // Those behind it may need less than it did.
        letIn();
      };
      const waiter: Waiter = { amount, begin: resolve, timer: setTimeout(expire, waitMsMax) };
      line.add(waiter);
    });
  }

  const isFull = () => lines.last.size >= waitingMax;

  return {
    isExhausted: () => isFull() && !fits(1),
    take(amount, line = 'last') {
      const isNext = lines.first.size === 0 && (line === 'first' || lines.last.size === 0);
      if (isNext && fits(amount)) {
        taken += amount;
        return undefined;
      }
      if (line === 'last' && isFull()) return Promise.reject(refusal());
      return wait(amount, lines[line]);
    },
    give(amount) {
      taken -= amount;
      letIn();
    },
  };
}
