import { SNAPSHOT_REMOVED_MAX } from '@muster/contracts';
import { EMPTY_SNAPSHOT, type EncodedSnapshot } from './encode-snapshot.js';

/** One of the requests that report a snapshot. */
export interface SnapshotPart {
  snapshot: EncodedSnapshot;
  /** True if the body contains all containers of the host. */
  isComplete: boolean;
  /** The ids of the removed containers. Empty if `isComplete`, because a complete snapshot need not list them. */
  removedIds: readonly string[];
}

/**
 * Returns the requests that report a snapshot, in order. A complete snapshot is one request. An incomplete snapshot
 * lists the removed containers, at most `SNAPSHOT_REMOVED_MAX` in each request, and only the last request contains the
 * present containers. If many containers were replaced at the same time, this order ensures that the API does not store
 * old and new containers side by side for long.
 */
export function snapshotParts(
  snapshot: EncodedSnapshot,
  isComplete: boolean,
  removedIds: readonly string[],
): SnapshotPart[] {
  if (isComplete) return [{ snapshot, isComplete, removedIds: [] }];
  const parts: SnapshotPart[] = [];
  for (let start = 0; start === 0 || start < removedIds.length; start += SNAPSHOT_REMOVED_MAX) {
    const isLast = start + SNAPSHOT_REMOVED_MAX >= removedIds.length;
    const ids = removedIds.slice(start, start + SNAPSHOT_REMOVED_MAX);
    parts.push({ snapshot: isLast ? snapshot : EMPTY_SNAPSHOT, isComplete, removedIds: ids });
  }
  return parts;
}
