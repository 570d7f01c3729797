import {
  createSnapshotReader,
  SNAPSHOT_BODY_BYTES_MAX,
  TOO_MANY_CONTAINERS,
  type Container,
  type Parsed,
  type Snapshot,
  type SnapshotReader,
} from '@muster/contracts';
import { toContainerRow, type ContainerRow } from './container-row.js';
import { scanBody, type BodyScan, type SplitBody } from './scan-body.js';
import { invalidRequest, parsedOrThrow } from '../../lib/parse-or-throw.js';
import { BodyTooLargeError } from '../../errors.js';
import { parseJsonBytes, plainBytes, type RawBody } from './body-bytes.js';
import type { CachedSnapshot } from './snapshot-cache.js';
import { createYielder, type Yielder } from '../../lib/yielder.js';

/** Reads only as much of a snapshot's body as is needed. */
export interface BodyReader {
  /** Returns the cache entry for comparing the next snapshot with this one. */
  cacheEntry(): Pick<CachedSnapshot, 'body' | 'bounds'>;
  /** Returns the decompressed body, split into containers; null if it cannot be split. */
  split(): Promise<SplitBody | null>;
  /**
   * Returns all containers.
   * @throws InvalidRequestError that lists the invalid fields.
   */
  rows(): Promise<ContainerRow[]>;
}

export interface BodyReaderOptions {
  /** A counter to which the number of read bytes is added. */
  usage?: { textBytes: number };
  /** The offsets of the containers, if they are known from an earlier scan of this body. */
  bounds?: Uint32Array | null;
}

/** Creates the reader of an unvalidated body. */
export function createBodyReader(
  body: RawBody,
  { usage = { textBytes: 0 }, bounds = null }: BodyReaderOptions = {},
): BodyReader {
  let plain: Promise<Buffer> | undefined;
  let scanned: BodyScan | undefined;
  const bytes = () => (plain ??= readPlain());
  async function readPlain(): Promise<Buffer> {
    try {
      const plain = await plainBytes(body, SNAPSHOT_BODY_BYTES_MAX);
      usage.textBytes += plain.length;
      return plain;
    } catch (error) {
      if (error instanceof BodyTooLargeError) usage.textBytes += SNAPSHOT_BODY_BYTES_MAX;
      throw error;
    }
  }
  async function scan(): Promise<BodyScan> {
    if (scanned !== undefined) return scanned;
    const text = await bytes();
    if (bounds !== null) return (scanned = { kind: 'split', split: { bytes: text, bounds } });
    // Yield here, between hashing the bytes and parsing them. Together, these two steps would block other requests for
    // too long.
    const isLong = text.length > PARSE_BYTES_MAX;
    if (isLong) await createYielder().yieldToEventLoop();
    scanned = await scanBody(text);
    if (isLong) await createYielder().yieldToEventLoop();
    if (scanned.kind === 'split') usage.textBytes += (LONG_WEIGHT - 1) * longBytes(scanned.split);
    return scanned;
  }
  return {
    cacheEntry: () => ({
      // Copy these two fields, because the received body also contains a reference to its request, which must not stay
      // in memory.
      body: { bytes: body.bytes, encoding: body.encoding },
      bounds: scanned?.kind === 'split' ? scanned.split.bounds : null,
    }),
    split: async () => {
      const result = await scan();
      return result.kind === 'split' ? result.split : null;
    },
    rows: async () => {
      const text = await bytes();
      const split = text.length > PARSE_BYTES_MAX ? splitOrThrow(await scan()) : null;
      const yielder = createYielder();
      return toRows(parsedOrThrow(await parseBody(text, split, yielder)), yielder);
    },
  };
}

async function toRows(containers: readonly Container[], yielder: Yielder): Promise<ContainerRow[]> {
  const rows: ContainerRow[] = [];
  for (const container of containers) {
    rows.push(toContainerRow(container));
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  return rows;
}

/**
 * Returns the containers of a long body. Returns null if the body is not valid JSON, so that the parser reports the
 * error.
 * @throws InvalidRequestError if the body cannot be a snapshot. Parsing such a body would take many times its size in
 * memory.
 */
function splitOrThrow(scan: BodyScan): SplitBody | null {
  switch (scan.kind) {
    case 'split':
      return scan.split;
    case 'broken':
      return null;
    case 'no-array':
      throw invalidRequest([{ path: '', message: 'must be a JSON array of containers' }]);
    case 'too-many':
      throw invalidRequest([{ path: '', message: TOO_MANY_CONTAINERS }]);
    case 'too-many-values': {
      const message = 'has more values than a container of its size can have';
      throw invalidRequest([{ path: `/${scan.element}`, message }]);
    }
  }
}

/** Maximum bytes of JSON that are parsed in one call. */
const PARSE_BYTES_MAX = 256 * 1024;

/** A body that is longer than `PARSE_BYTES_MAX` is parsed in pieces of about this many bytes. */
const CHUNK_BYTES = 64 * 1024;

/** Parses and validates a decompressed body like `parseSnapshot`. A body that was split is parsed in pieces. */
async function parseBody(bytes: Buffer, split: SplitBody | null, yielder: Yielder): Promise<Parsed<Snapshot>> {
  const reader = createSnapshotReader();
  if (split === null) {
    const whole = parseJsonBytes(bytes);
    const refused = reader.begin(whole);
    if (refused !== null) return refused;
    await addAll(reader, whole as unknown[], yielder);
  } else {
    for (const items of parseChunks(split)) if (!(await addAll(reader, items, yielder))) break;
  }
  return reader.result();
}

/**
 * In `usage`, each byte of a container that is longer than `PARSE_BYTES_MAX` counts this many times, because parsing
 * such a container blocks all other requests.
 */
const LONG_WEIGHT = 4;

/** Returns the total bytes of the containers that are longer than `PARSE_BYTES_MAX`. */
function longBytes({ bounds }: SplitBody): number {
  let bytes = 0;
  for (let at = 0; at < bounds.length; at += 2) {
    const length = bounds[at + 1]! - bounds[at]!;
    if (length > PARSE_BYTES_MAX) bytes += length;
  }
  return bytes;
}

async function addAll(reader: SnapshotReader, items: readonly unknown[], yielder: Yielder): Promise<boolean> {
  for (const item of items) {
    if (!reader.add(item)) return false;
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  return true;
}

/**
 * Yields the elements of a body, parsed in runs of about `CHUNK_BYTES`. The scanner only recognizes strings and
 * brackets, so a run can be valid JSON although the whole text is not (`[1,,2]`). Such a run does not have the expected
 * number of elements, so the elements are counted.
 * @throws InvalidRequestError if the body is not UTF-8 or not JSON.
 */
function* parseChunks({ bytes, bounds }: SplitBody): Generator<unknown[]> {
  for (let first = 0; first < bounds.length;) {
    let next = first + 2;
    while (next < bounds.length && bounds[next + 1]! - bounds[first]! <= CHUNK_BYTES) next += 2;
    const run = Buffer.concat([BRACKETS[0], bytes.subarray(bounds[first], bounds[next - 1]), BRACKETS[1]]);
    const items = parseJsonBytes(run) as unknown[];
    if (items.length !== (next - first) / 2)
      throw invalidRequest([{ path: '', message: 'the body is not valid JSON' }]);
    yield items;
    first = next;
  }
}

const BRACKETS = [Buffer.from('['), Buffer.from(']')] as const;
