import { SNAPSHOT_CONTAINERS_MAX } from '@muster/contracts';
import { createYielder } from '../../lib/yielder.js';

/** The result of checking a body before it is parsed. */
export type PrecheckResult =
  | { kind: 'ok' }
  | { kind: 'no-array' }
  | { kind: 'too-many' }
  /** The element with index `element` contains more values than a container of its size can have. */
  | { kind: 'too-many-values'; element: number };

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Number of values allowed in an element of any size, which suffices for labels and for fields added later. */
const VALUES_ALLOWED = 20_000;

/** Above that number, only ports add values: at most four each, and each port takes more than this many bytes. */
const PORT_VALUES_MAX = 4;
const PORT_BYTES_MIN = 16;

/** Bytes processed between two checks of whether to yield. */
const STEP_BYTES = 64 * 1024;

/**
 * Counts the elements and values of a JSON array until there are too many, and yields to the event loop. Tracks only
 * strings, brackets and commas and allocates nothing, because nine megabytes of `[],` are three million elements, and
 * splitting them would take as much memory as parsing them.
 */
export async function precheckBody(bytes: Buffer): Promise<PrecheckResult> {
  const yielder = createYielder();
  let at = 0;
  while (at < bytes.length && bytes[at]! <= 0x20) at++;
  if (bytes[at] !== OPEN_BRACKET) return { kind: 'no-array' };

  let element = 0;
  let [start, depth, values, openings] = [at + 1, 0, 0, 0];
  const hasTooManyValues = (end: number) =>
    (openings > VALUES_ALLOWED && openings * PORT_BYTES_MIN > end - start) ||
    values > openings * PORT_VALUES_MAX + VALUES_ALLOWED;

  let checkYieldAt = at;
  for (at += 1; at < bytes.length; at++) {
    if (at >= checkYieldAt) {
      if (yielder.shouldYield()) await yielder.yieldToEventLoop();
      checkYieldAt = at + STEP_BYTES;
    }
    const byte = bytes[at];
    if (byte === QUOTE) {
      for (at += 1; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      openings++;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
    } else if (byte === COMMA && depth > 0) {
      values++;
    } else if (byte === COMMA) {
      if (hasTooManyValues(at)) return { kind: 'too-many-values', element };
      element++;
      if (element === SNAPSHOT_CONTAINERS_MAX) return { kind: 'too-many' };
      [start, values, openings] = [at + 1, 0, 0];
    }
  }
  return hasTooManyValues(bytes.length) ? { kind: 'too-many-values', element } : { kind: 'ok' };
}
