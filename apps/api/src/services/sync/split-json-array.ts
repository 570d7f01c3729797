import { parseContainer, type Container } from '@muster/contracts';
import { createYielder } from '../../lib/yielder.js';

/**
 * A decompressed body that was split into containers without parsing. A container whose bytes equal those in the last
 * snapshot need not be validated and compared again.
 */
export interface SplitBody {
  bytes: Buffer;
  /** The start and end offsets of each container's text in `bytes`, alternating. */
  bounds: Uint32Array;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Bytes processed between two checks of whether to yield. */
const STEP_BYTES = 64 * 1024;

/**
 * Splits the text of a JSON array into the texts of its elements, and yields to the event loop for a long text. Returns
 * null if the text is not an array. Tracks only strings and brackets and does not validate JSON, because the parser of
 * an element does, and an invalid element never equals an accepted one.
 */
export async function splitJsonArray(bytes: Buffer): Promise<SplitBody | null> {
  let start = 0;
  while (isSpace(bytes[start])) start++;
  let end = bytes.length;
  while (end > start && isSpace(bytes[end - 1])) end--;
  if (end - start < 2 || bytes[start] !== OPEN_BRACKET || bytes[end - 1] !== CLOSE_BRACKET) return null;

  const yielder = createYielder();
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
    if (at < last && yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  if (isInString || depth !== 0) return null;
  if (bounds.length > 0 || !isBlank(bytes, elementStart, last)) bounds.push(elementStart, last);
  return { bytes, bounds: Uint32Array.from(bounds) };
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isSpace(bytes[at])) return false;
  return true;
}

/** Returns the number of containers in a body. */
export const elementCount = ({ bounds }: SplitBody): number => bounds.length / 2;

/** Returns the indexes at which two bodies with the same number of containers differ. */
export function differingElements(a: SplitBody, b: SplitBody): number[] {
  const indexes: number[] = [];
  for (let index = 0; index < a.bounds.length / 2; index++) {
    const [aStart, aEnd] = [a.bounds[2 * index]!, a.bounds[2 * index + 1]!];
    const [bStart, bEnd] = [b.bounds[2 * index]!, b.bounds[2 * index + 1]!];
    const equal = aEnd - aStart === bEnd - bStart && a.bytes.compare(b.bytes, bStart, bEnd, aStart, aEnd) === 0;
    if (!equal) indexes.push(index);
  }
  return indexes;
}

/** Returns the text of one container. The buffer shares memory with the whole body. */
export const elementBytes = ({ bytes, bounds }: SplitBody, index: number): Buffer =>
  bytes.subarray(bounds[2 * index], bounds[2 * index + 1]);

/** Parses one container. Null: it is invalid, and the whole snapshot must be parsed to get the error to report. */
export function decodeElement(body: SplitBody, index: number): Container | null {
  const bytes = elementBytes(body, index);
  const json = bytes.toString();
  // `toString` replaces invalid UTF-8 with U+FFFD, so the strict parser must check a text that contains U+FFFD.
  if (json.includes('\uFFFD')) return null;
  try {
    const parsed = parseContainer(JSON.parse(json));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
