import { setImmediate } from 'node:timers/promises';

/**
 * Longest time in milliseconds that a loop may block the event loop before it yields. Another request waits for about
 * two such periods: until it is read, and until the database's answer to it is.
 */
const STRETCH_MS = 2;

/**
 * Cooperative yielding for long loops. `due` is true once the loop has blocked the event loop for long enough;
 * `yieldTurn` then lets other work run.
 */
export interface TurnTaking {
  due(): boolean;
  yieldTurn(): Promise<void>;
}

/** Stringifies a list like `JSON.stringify`, with yields. Returns the text in pieces. */
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

/** Encodes texts as UTF-8, with yields. */
export async function encodeInTurns(texts: readonly string[], turns: TurnTaking): Promise<Buffer[]> {
  const encoded: Buffer[] = [];
  for (const text of texts) {
    encoded.push(Buffer.from(text));
    if (turns.due()) await turns.yieldTurn();
  }
  return encoded;
}

/** Maximum items stringified at a time, and the target length of their text: well below the time limit. */
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
