import { SNAPSHOT_REMOVED_MAX } from '@muster/contracts';
import { EMPTY_SNAPSHOT, type EncodedSnapshot } from './encode-snapshot.js';

/** One of the requests that report a snapshot. */
export interface SnapshotPart {
  snapshot: EncodedSnapshot;
  /** True if the body contains all containers of the host. */
  isComplete: boolean;
  /** Ids of removed containers; only an incomplete snapshot must name them. */
  goneIds: readonly string[];
}

/**
 * Returns the requests that report a snapshot, in order. A complete snapshot is one request. For an incomplete one,
 * requests with up to `SNAPSHOT_REMOVED_MAX` removed ids each come before the containers. So the API never holds a
 * container and its successor for long, however many were replaced at once.
 */
export function snapshotParts(
  snapshot: EncodedSnapshot,
  isComplete: boolean,
  goneIds: readonly string[],
): SnapshotPart[] {
  if (isComplete) return [{ snapshot, isComplete, goneIds: [] }];
  const parts: SnapshotPart[] = [];
  for (let start = 0; start === 0 || start < goneIds.length; start += SNAPSHOT_REMOVED_MAX) {
    const isLast = start + SNAPSHOT_REMOVED_MAX >= goneIds.length;
    const ids = goneIds.slice(start, start + SNAPSHOT_REMOVED_MAX);
    parts.push({ snapshot: isLast ? snapshot : EMPTY_SNAPSHOT, isComplete, goneIds: ids });
  }
  return parts;
}
