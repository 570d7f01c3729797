import { LRUCache } from 'lru-cache';
import type { RawBody } from './body-bytes.js';

/** The last snapshot of a host that is known to equal its rows. */
export interface CachedSnapshot {
  /** The host's revision when they were equal. Whether they still are is only a guess, which the guard checks. */
  revision: number;
  digest: string | null;
  /** As received, compressed if it was. */
  body: RawBody;
  /** Where its containers are in the plain text; null if that has not been computed. */
  bounds: Uint32Array | null;
}

/** Cost of a cached snapshot in addition to its body: roughly the size of the objects around it. */
const ENTRY_BYTES = 500;

/** Caches the snapshots of the most recently active hosts by host ID, within a budget of bytes. */
export const createSnapshotCache = (bytesMax: number) =>
  new LRUCache<string, CachedSnapshot>({
    // A budget of 0, which turns the cache off, would mean no limit here.
    maxSize: Math.max(1, bytesMax),
    sizeCalculation: ({ body, bounds }) => body.bytes.length + (bounds?.byteLength ?? 0) + ENTRY_BYTES,
  });
