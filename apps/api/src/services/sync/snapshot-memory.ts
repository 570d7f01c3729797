import type { RawBody } from './body-bytes.js';

/** The last snapshot of a host that is known to be what its rows equal. */
export interface RememberedSnapshot {
  /** The host's revision at which they did. It is only ever a guess that they still do: the guard asks again. */
  revision: number;
  digest: string | null;
  /** As it came, compressed if it did. */
  body: RawBody;
  /** Where its containers lie in the plain text, if anybody has looked. */
  bounds: Uint32Array | null;
}

/** Remembers the hosts that were heard last, within a budget of bytes. */
export interface SnapshotMemory {
  recall(hostId: string): RememberedSnapshot | undefined;
  remember(hostId: string, snapshot: RememberedSnapshot): void;
  forget(hostId: string): void;
}

/** What a remembered snapshot costs beside its body: about as much as the objects around it. */
const ENTRY_BYTES = 500;

export function createSnapshotMemory(bytesMax: number): SnapshotMemory {
  // A Map gives its entries in the order of their setting: the first is the one not used for the longest time.
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
