import { setImmediate } from 'node:timers/promises';

/**
 * Milliseconds of work at a stretch. Another request waits for about two of them: until it is read, and until what the
 * database answered is.
 */
const STRETCH_MS = 2;

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
  let step = PIECE_ITEMS_MAX;
  for (let start = 0; start < items.length;) {
    const piece = items.slice(start, start + step);
    const json = JSON.stringify(piece);
    pieces.push(`${start === 0 ? '[' : ','}${json.slice(1, -1)}`);
    start += piece.length;
    if (json.length > PIECE_LENGTH) step = Math.max(1, Math.floor((step * PIECE_LENGTH) / json.length));
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

/** Items that are written in one go, and about how long their text may be: well within a stretch. */
const PIECE_ITEMS_MAX = 50;
const PIECE_LENGTH = 128 * 1024;

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
