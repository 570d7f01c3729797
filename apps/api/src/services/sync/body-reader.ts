import {
  createSnapshotReader,
  SNAPSHOT_BODY_BYTES_MAX,
  TOO_MANY_CONTAINERS,
  type Container,
  type FieldError,
  type Parsed,
  type Snapshot,
  type SnapshotReader,
} from '@muster/contracts';
import { toContainerRow, type ContainerRow } from './container-row.js';
import { splitJsonArray, decodeElement, type SplitBody } from './split-json-array.js';
import { precheckBody } from './precheck-body.js';
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
  /** Returns one container of the split body; null if it is invalid. */
  row(split: SplitBody, index: number): ContainerRow | null;
  /**
   * Returns all containers.
   * @throws InvalidRequestError naming the invalid fields.
   */
  rows(): Promise<ContainerRow[]>;
}

/** Creates the reader of an unvalidated body. Adds the bytes that are read to `usage.textBytes`. */
export function createBodyReader(body: RawBody, usage = { textBytes: 0 }): BodyReader {
  let plain: Promise<Buffer> | undefined;
  let split: SplitBody | null = null;
  let isLongCounted = false;
  const bytes = () => (plain ??= readPlain());
  function countLong(split: SplitBody | null): void {
    if (split === null || isLongCounted) return;
    isLongCounted = true;
    usage.textBytes += (LONG_WEIGHT - 1) * longBytes(split);
  }
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
  return {
    cacheEntry: () => ({ body, bounds: split?.bounds ?? null }),
    async split() {
      if ((await precheckError(await bytes())) !== null) return null;
      split = await splitJsonArray(await bytes());
      countLong(split);
      return split;
    },
    row: (split, index) => {
      const container = decodeElement(split, index);
      return container && toContainerRow(container);
    },
    rows: async () => {
      const refusal = await precheckError(await bytes());
      if (refusal !== null) throw invalidRequest([refusal]);
      const yielder = createYielder();
      return toRows(parsedOrThrow(await parseBody(await bytes(), yielder, countLong)), yielder);
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
 * Returns the reason why a long body cannot be a snapshot, as far as a scan can detect it; null if the body may be a
 * snapshot. Parsing the body first would take many times its size in memory.
 */
async function precheckError(bytes: Buffer): Promise<FieldError | null> {
  if (bytes.length <= PARSE_BYTES_MAX) return null;
  // The bytes have just been hashed, and will be split next. Each of these steps blocks other requests for as long as
  // is acceptable, so yield in between.
  await createYielder().yieldToEventLoop();
  const result = await precheckBody(bytes);
  await createYielder().yieldToEventLoop();
  switch (result.kind) {
    case 'ok':
      return null;
    case 'no-array':
      return { path: '', message: 'must be a JSON array of containers' };
    case 'too-many':
      return { path: '', message: TOO_MANY_CONTAINERS };
    case 'too-many-values':
      return { path: `/${result.element}`, message: 'has more values than a container of its size can have' };
  }
}

/** Maximum bytes of JSON that are parsed in one call. */
const PARSE_BYTES_MAX = 256 * 1024;

/** Target bytes of each piece of a longer body. */
const CHUNK_BYTES = 64 * 1024;

/** Parses and validates a decompressed body like `parseSnapshot`, but processes a long body in pieces. */
async function parseBody(
  bytes: Buffer,
  yielder: Yielder,
  onSplit: (split: SplitBody | null) => void,
): Promise<Parsed<Snapshot>> {
  const split = bytes.length > PARSE_BYTES_MAX ? await splitJsonArray(bytes) : null;
  onSplit(split);
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
 * The factor by which the bytes of a container that is too long to be parsed in pieces are counted, because parsing it
 * blocks all other requests.
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
 * Yields the elements of a body, parsed in runs of about `CHUNK_BYTES`. The splitter only recognizes strings and
 * brackets, so a run can be valid JSON although the whole text is not (`[1,,2]`). In that case, the number of parsed
 * elements differs from the expected one, so the elements are counted.
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
