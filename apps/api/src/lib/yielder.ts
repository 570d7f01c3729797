import { setImmediate } from 'node:timers/promises';

/**
 * Maximum milliseconds that a loop may block the event loop before it yields. Another request waits for about two such
 * periods: first until the request is read, and later until the database's response is read.
 */
const BLOCKED_MS_MAX = 2;

/**
 * Cooperative yielding for long loops. `shouldYield` returns true once the loop has blocked the event loop for long
 * enough; `yieldToEventLoop` then lets other work run.
 */
export interface Yielder {
  shouldYield(): boolean;
  yieldToEventLoop(): Promise<void>;
}

/** Stringifies a list like `JSON.stringify`, but yields to the event loop. Returns the text in pieces. */
export async function stringifyWithYields(items: readonly unknown[], yielder: Yielder): Promise<string[]> {
  if (items.length === 0) return ['[]'];
  const pieces: string[] = [];
  let step = PIECE_ITEMS_MAX;
  for (let start = 0; start < items.length;) {
    const piece = items.slice(start, start + step);
    const json = JSON.stringify(piece);
    pieces.push(`${start === 0 ? '[' : ','}${json.slice(1, -1)}`);
    start += piece.length;
    if (json.length > PIECE_LENGTH) step = Math.max(1, Math.floor((step * PIECE_LENGTH) / json.length));
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  pieces.push(']');
  return pieces;
}

/** Encodes texts as UTF-8, and yields to the event loop between texts. */
export async function encodeWithYields(texts: readonly string[], yielder: Yielder): Promise<Buffer[]> {
  const encoded: Buffer[] = [];
  for (const text of texts) {
    encoded.push(Buffer.from(text));
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  return encoded;
}

/**
 * Maximum number of items that are stringified at a time. Stringifying this many items takes much less than
 * `BLOCKED_MS_MAX`.
 */
const PIECE_ITEMS_MAX = 50;

/** Target length, in characters, of the text that one call of `JSON.stringify` produces. */
const PIECE_LENGTH = 128 * 1024;

export function createYielder(): Yielder {
  let since = performance.now();
  return {
    shouldYield: () => performance.now() - since > BLOCKED_MS_MAX,
    async yieldToEventLoop() {
      await setImmediate();
      since = performance.now();
    },
  };
}
