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

/** `JSON.stringify` of a list, a long one in stretches: its text in pieces. */
export async function stringifyInTurns(items: readonly unknown[], turns: TurnTaking): Promise<string[]> {
  if (items.length === 0) return ['[]'];
  const pieces: string[] = [];
  for (let start = 0; start < items.length; start += PIECE_ITEMS) {
    const json = JSON.stringify(items.slice(start, start + PIECE_ITEMS));
    pieces.push(`${start === 0 ? '[' : ','}${json.slice(1, -1)}`);
    if (turns.due()) await turns.yieldTurn();
  }
  pieces.push(']');
  return pieces;
}

/** Texts in UTF-8, many or long ones in stretches. */
export async function encodeInTurns(texts: readonly string[], turns: TurnTaking): Promise<Buffer[]> {
  const encoded: Buffer[] = [];
  for (const text of texts) {
    encoded.push(Buffer.from(text));
    if (turns.due()) await turns.yieldTurn();
  }
  return encoded;
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
