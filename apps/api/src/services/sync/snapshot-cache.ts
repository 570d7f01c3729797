import { LRUCache } from 'lru-cache';
import type { RawBody } from './body-bytes.js';
import type { LoopStates } from './fold-loops.js';

/** A host's last snapshot, which is known to equal the host's rows. */
export interface CachedSnapshot {
  /**
   * The host's revision when snapshot and rows were equal. `writeSnapshot` checks whether the host still has this
   * revision.
   */
  revision: number;
  digest: string | null;
  /** Whether rows may have exits, or exit reasons, that the body lacks (`keepKnownExit`). */
  mayLackExits: boolean;
  /** The exit counts of the host's rows; null if they are not known. */
  loops: LoopStates | null;
  /** The body as received, possibly compressed. */
  body: Pick<RawBody, 'bytes' | 'encoding'>;
  /** The offsets of the containers in the decompressed body; null if they have not been computed. */
  bounds: Uint32Array | null;
}

/** Estimated bytes of the objects that a cached snapshot needs in addition to its body. */
const ENTRY_BYTES = 500;

/** Estimated bytes of the exit counts of one container, and of the counted exits with one code. */
const LOOP_BYTES = 400;
const LOOP_CODE_BYTES = 200;

function loopBytes(loops: LoopStates | null): number {
  let bytes = 0;
  for (const { loop } of loops?.values() ?? [])
    bytes += LOOP_BYTES + (loop === null ? 0 : LOOP_BYTES + LOOP_CODE_BYTES * Object.keys(loop.codes).length);
  return bytes;
}

export type SnapshotCache = LRUCache<string, CachedSnapshot>;

/**
 * Creates a cache of snapshots by host id. It keeps the snapshots of the most recently active hosts, up to a byte
 * limit.
 */
export const createSnapshotCache = (bytesMax: number): SnapshotCache =>
  new LRUCache({
    // A limit of 0 turns the cache off, but lru-cache would interpret 0 as no limit.
    maxSize: Math.max(1, bytesMax),
    sizeCalculation: ({ body, bounds, loops }) =>
      body.bytes.length + (bounds?.byteLength ?? 0) + loopBytes(loops) + ENTRY_BYTES,
  });
