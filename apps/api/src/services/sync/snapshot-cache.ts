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

/** Caches the snapshots of the most recently active hosts, within a budget of bytes. */
export interface SnapshotCache {
  get(hostId: string): CachedSnapshot | undefined;
  set(hostId: string, snapshot: CachedSnapshot): void;
  delete(hostId: string): void;
}

/** Cost of a cached snapshot in addition to its body: roughly the size of the objects around it. */
const ENTRY_BYTES = 500;

export function createSnapshotCache(bytesMax: number): SnapshotCache {
  // A Map iterates in insertion order, so its first entry is the least recently used one.
  const snapshots = new Map<string, CachedSnapshot>();
  let bytes = 0;
  const cost = ({ body, bounds }: CachedSnapshot) => body.bytes.length + (bounds?.byteLength ?? 0) + ENTRY_BYTES;

  function remove(hostId: string): void {
    const snapshot = snapshots.get(hostId);
    if (snapshot === undefined) return;
    snapshots.delete(hostId);
    bytes -= cost(snapshot);
  }

  return {
    delete: remove,
    get(hostId) {
      const snapshot = snapshots.get(hostId);
      if (snapshot !== undefined) {
        snapshots.delete(hostId);
        snapshots.set(hostId, snapshot);
      }
      return snapshot;
    },
    set(hostId, snapshot) {
      remove(hostId);
      snapshots.set(hostId, snapshot);
      bytes += cost(snapshot);
      for (const oldest of snapshots.keys()) {
        if (bytes <= bytesMax) break;
        remove(oldest);
      }
    },
  };
}
