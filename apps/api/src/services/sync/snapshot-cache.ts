import { LRUCache } from 'lru-cache';
import type { RawBody } from './body-bytes.js';

/** A host's last snapshot, which is known to equal the host's rows. */
export interface CachedSnapshot {
  /**
   * The host's revision when snapshot and rows were equal. `writeSnapshot` checks whether the host still has this
   * revision.
   */
  revision: number;
  digest: string | null;
  /** Whether rows may have exits, or reasons of exits, that the body lacks (`keepKnownExit`). */
  mayLackExits: boolean;
  /** The body as received, possibly compressed. */
  body: Pick<RawBody, 'bytes' | 'encoding'>;
  /** The offsets of the containers in the decompressed body; null if they have not been computed. */
  bounds: Uint32Array | null;
}

/** Estimated bytes of the objects that a cached snapshot needs in addition to its body. */
const ENTRY_BYTES = 500;

export type SnapshotCache = LRUCache<string, CachedSnapshot>;

/** Creates a cache of snapshots by host id, which keeps those of the most recently active hosts, up to a byte limit. */
export const createSnapshotCache = (bytesMax: number): SnapshotCache =>
  new LRUCache({
    // A limit of 0 turns the cache off, but lru-cache would interpret 0 as no limit.
    maxSize: Math.max(1, bytesMax),
    sizeCalculation: ({ body, bounds }) => body.bytes.length + (bounds?.byteLength ?? 0) + ENTRY_BYTES,
  });
