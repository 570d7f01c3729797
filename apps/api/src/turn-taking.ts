import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work at a stretch: what another request waits at most because of one long loop. */
const STRETCH_MS = 4;

/**
 * For loops over thousands of things: `due` is true once they have held the event loop for long enough, and
 * `yieldTurn` then lets everybody else have a turn.
 */
export interface TurnTaking {
  due(): boolean;
  yieldTurn(): Promise<void>;
}

/** `JSON.stringify` of a list, a long one in stretches. */
export async function stringifyInTurns(items: readonly unknown[], turns: TurnTaking): Promise<string> {
  const pieces: string[] = [];
  for (let start = 0; start < items.length; start += PIECE_ITEMS) {
    pieces.push(JSON.stringify(items.slice(start, start + PIECE_ITEMS)).slice(1, -1));
    if (turns.due()) await turns.yieldTurn();
  }
  return `[${pieces.join(',')}]`;
}

/** Few enough to be written well within a stretch. */
const PIECE_ITEMS = 50;

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
