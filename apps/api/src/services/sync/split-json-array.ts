import { parseContainer, type Container } from '@muster/contracts';
import { createTurnTaking } from '../../lib/yield-if-busy.js';

/**
 * The JSON text of a snapshot, cut into its containers without being parsed: what is equal to the last snapshot's
 * byte for byte was checked and compared then, and is neither again.
 */
export interface SnapshotText {
  bytes: Buffer;
  /** Where each container's text begins and ends in `bytes`, one after the other. */
  bounds: Uint32Array;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Bytes that are read before the clock is. */
const STEP_BYTES = 64 * 1024;

/**
 * Cuts the text of a JSON array into the texts of its elements, a long one in stretches; null: not an array. It looks
 * at strings and brackets alone: whether an element is JSON is for who parses it to find out, and what is not never
 * equals anything that was.
 */
export async function cutSnapshot(bytes: Buffer): Promise<SnapshotText | null> {
  let start = 0;
  while (isSpace(bytes[start])) start++;
  let end = bytes.length;
  while (end > start && isSpace(bytes[end - 1])) end--;
  if (end - start < 2 || bytes[start] !== OPEN_BRACKET || bytes[end - 1] !== CLOSE_BRACKET) return null;

  const turns = createTurnTaking();
  const bounds: number[] = [];
  let depth = 0;
  let isInString = false;
  let elementStart = start + 1;
  const last = end - 1;
  for (let at = start + 1; at < last;) {
    for (const stop = Math.min(last, at + STEP_BYTES); at < stop; at++) {
      const byte = bytes[at];
      if (isInString) {
        if (byte === QUOTE) isInString = false;
        else if (byte === BACKSLASH) at++;
      } else if (byte === QUOTE) {
        isInString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (--depth < 0) return null;
      } else if (byte === COMMA && depth === 0) {
        bounds.push(elementStart, at);
        elementStart = at + 1;
      }
    }
    if (at < last && turns.due()) await turns.yieldTurn();
  }
  if (isInString || depth !== 0) return null;
  if (bounds.length > 0 || !isBlank(bytes, elementStart, last)) bounds.push(elementStart, last);
  return { bytes, bounds: Uint32Array.from(bounds) };
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isSpace(bytes[at])) return false;
  return true;
}

/** How many containers a text has. */
export const elementCount = ({ bounds }: SnapshotText): number => bounds.length / 2;

/** The indexes at which two texts of as many containers differ. */
export function differingElements(a: SnapshotText, b: SnapshotText): number[] {
  const indexes: number[] = [];
  for (let index = 0; index < a.bounds.length / 2; index++) {
    const [aStart, aEnd] = [a.bounds[2 * index]!, a.bounds[2 * index + 1]!];
    const [bStart, bEnd] = [b.bounds[2 * index]!, b.bounds[2 * index + 1]!];
    const equal = aEnd - aStart === bEnd - bStart && a.bytes.compare(b.bytes, bStart, bEnd, aStart, aEnd) === 0;
    if (!equal) indexes.push(index);
  }
  return indexes;
}

/** The text of one container, as bytes that share memory with the whole. */
export const elementBytes = ({ bytes, bounds }: SnapshotText, index: number): Buffer =>
  bytes.subarray(bounds[2 * index], bounds[2 * index + 1]);

/** Reads one container; null: it is none, and the whole snapshot is to be read to say what is wrong with it. */
export function decodeElement(text: SnapshotText, index: number): Container | null {
  const bytes = elementBytes(text, index);
  const json = bytes.toString();
  // Bytes that are not UTF-8 become U+FFFD in `toString`; where one is seen, the strict reading decides.
  if (json.includes('\uFFFD')) return null;
  try {
    const parsed = parseContainer(JSON.parse(json));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
