import { SNAPSHOT_GONE_MAX } from '@muster/contracts';
import { EMPTY_SNAPSHOT, type EncodedSnapshot } from './encode-snapshot.js';

/** One request of a snapshot. */
export interface SnapshotPart {
  snapshot: EncodedSnapshot;
  /** True: the containers of the body are all that the host has. */
  isComplete: boolean;
  /** Containers that are gone; only an incomplete snapshot has to name them. */
  goneIds: readonly string[];
}

/**
 * The requests that report a snapshot, in their order. A complete one is a single request. An incomplete one also names
 * what is gone, so many ids a request, and does so first: the API never holds both a container and its successor for
 * long, however many were replaced at once.
 */
export function snapshotParts(
  snapshot: EncodedSnapshot,
  isComplete: boolean,
  goneIds: readonly string[],
): SnapshotPart[] {
  if (isComplete) return [{ snapshot, isComplete, goneIds: [] }];
  const parts: SnapshotPart[] = [];
  for (let start = 0; start === 0 || start < goneIds.length; start += SNAPSHOT_GONE_MAX) {
    const isLast = start + SNAPSHOT_GONE_MAX >= goneIds.length;
    const ids = goneIds.slice(start, start + SNAPSHOT_GONE_MAX);
    parts.push({ snapshot: isLast ? snapshot : EMPTY_SNAPSHOT, isComplete, goneIds: ids });
  }
  return parts;
}
