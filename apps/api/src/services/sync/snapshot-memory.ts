import type { RawBody } from './body-bytes.js';

/** The last snapshot of a host that is known to equal its rows. */
export interface RememberedSnapshot {
  /** The host's revision when they were equal. Whether they still are is only a guess, which the guard checks. */
  revision: number;
  digest: string | null;
  /** As received, compressed if it was. */
  body: RawBody;
  /** Where its containers are in the plain text; null if that has not been computed. */
  bounds: Uint32Array | null;
}

/** Caches the snapshots of the most recently active hosts, within a budget of bytes. */
export interface SnapshotMemory {
  recall(hostId: string): RememberedSnapshot | undefined;
  remember(hostId: string, snapshot: RememberedSnapshot): void;
  forget(hostId: string): void;
}

/** Cost of a cached snapshot in addition to its body: roughly the size of the objects around it. */
const ENTRY_BYTES = 500;

export function createSnapshotMemory(bytesMax: number): SnapshotMemory {
  // A Map iterates in insertion order, so its first entry is the least recently used one.
  const snapshots = new Map<string, RememberedSnapshot>();
  let bytes = 0;
  const cost = ({ body, bounds }: RememberedSnapshot) => body.bytes.length + (bounds?.byteLength ?? 0) + ENTRY_BYTES;

  function forget(hostId: string): void {
    const snapshot = snapshots.get(hostId);
    if (snapshot === undefined) return;
    snapshots.delete(hostId);
    bytes -= cost(snapshot);
  }

  return {
    forget,
    recall(hostId) {
      const snapshot = snapshots.get(hostId);
      if (snapshot !== undefined) {
        snapshots.delete(hostId);
        snapshots.set(hostId, snapshot);
      }
      return snapshot;
    },
    remember(hostId, snapshot) {
      forget(hostId);
      snapshots.set(hostId, snapshot);
      bytes += cost(snapshot);
      for (const oldest of snapshots.keys()) {
        if (bytes <= bytesMax) break;
        forget(oldest);
      }
    },
  };
}
