import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work at a stretch: what another request waits at most because of one long loop. */
const STRETCH_MS = 8;

/**
 * For loops over thousands of things: `due` is true once they have held the event loop for long enough, and
 * `yieldTurn` then lets everybody else have a turn.
 */
export interface TurnTaking {
  due(): boolean;
  yieldTurn(): Promise<void>;
}

export function createTurnTaking(): TurnTaking {
  let since = performance.now();
  return {
    due: () => performance.now() - since > STRETCH_MS,
    async yieldTurn() {
      await setImmediate();
      since = performance.now();
    },
  };
}
