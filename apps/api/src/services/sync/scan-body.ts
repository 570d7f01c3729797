import { parseContainer, SNAPSHOT_CONTAINERS_MAX, type Container } from '@muster/contracts';
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

/** The result of scanning a body before it is parsed. */
export type BodyScan =
  | { kind: 'split'; split: SplitBody }
  | { kind: 'no-array' }
  | { kind: 'too-many' }
  /** The element with index `element` contains more values than a container of its size can have. */
  | { kind: 'too-many-values'; element: number }
  /** Strings or brackets do not end where the array ends, so the body is not valid JSON. */
  | { kind: 'broken' };

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Number of values allowed in an element of any size, which suffices for labels and for fields added later. */
const VALUES_ALLOWED = 20_000;

/**
 * An element may have more than `VALUES_ALLOWED` values only if it has many ports. A port has at most `PORT_VALUES_MAX`
 * values, and takes more than `PORT_BYTES_MIN` bytes.
 */
const PORT_VALUES_MAX = 4;
const PORT_BYTES_MIN = 16;

/** Bytes processed between two checks of whether to yield. */
const STEP_BYTES = 64 * 1024;

/**
 * Splits the text of a JSON array into the texts of its elements, and yields to the event loop for a long text. Stops
 * at the first element that has too many values or exceeds the maximum number of containers. Without these limits,
 * parsing nine megabytes of `[],` (three million elements) would take many times nine megabytes of memory. Tracks only
 * strings, brackets and commas. The JSON is not validated here, because the parser validates each element later, and an
 * invalid element never equals an accepted one.
 */
export async function scanBody(bytes: Buffer): Promise<BodyScan> {
  let at = 0;
  while (isSpace(bytes[at])) at++;
  if (bytes[at] !== OPEN_BRACKET) return { kind: 'no-array' };
  at++;

  const yielder = createYielder();
  const bounds: number[] = [];
  let [elementStart, depth, values, openings] = [at, 0, 0, 0];
  let isInString = false;
  const hasTooManyValues = (end: number) =>
    (openings > VALUES_ALLOWED && openings * PORT_BYTES_MIN > end - elementStart) ||
    values > openings * PORT_VALUES_MAX + VALUES_ALLOWED;

  while (at < bytes.length && depth >= 0) {
    for (const stop = Math.min(bytes.length, at + STEP_BYTES); at < stop; at++) {
      const byte = bytes[at];
      if (isInString) {
        if (byte === QUOTE) isInString = false;
        else if (byte === BACKSLASH) at++;
      } else if (byte === QUOTE) {
        isInString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
        openings++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (--depth < 0) break;
      } else if (byte === COMMA) {
        if (depth > 0) {
          values++;
          continue;
        }
        if (hasTooManyValues(at)) return { kind: 'too-many-values', element: bounds.length / 2 };
        bounds.push(elementStart, at);
        if (bounds.length === 2 * SNAPSHOT_CONTAINERS_MAX) return { kind: 'too-many' };
        [elementStart, values, openings] = [at + 1, 0, 0];
      }
    }
    if (at < bytes.length && yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  if (hasTooManyValues(at)) return { kind: 'too-many-values', element: bounds.length / 2 };
  if (bytes[at] !== CLOSE_BRACKET || !isBlank(bytes, at + 1, bytes.length)) return { kind: 'broken' };
  if (bounds.length > 0 || !isBlank(bytes, elementStart, at)) bounds.push(elementStart, at);
  return { kind: 'split', split: { bytes, bounds: Uint32Array.from(bounds) } };
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
    const isEqual = aEnd - aStart === bEnd - bStart && a.bytes.compare(b.bytes, bStart, bEnd, aStart, aEnd) === 0;
    if (!isEqual) indexes.push(index);
  }
  return indexes;
}

/** Returns the text of one container. The buffer shares memory with the whole body. */
export const elementBytes = ({ bytes, bounds }: SplitBody, index: number): Buffer =>
  bytes.subarray(bounds[2 * index], bounds[2 * index + 1]);

/**
 * Parses one container. Returns null if the container is invalid. The whole snapshot must then be parsed to find the
 * error.
 */
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
