import type { SyncSummary } from '@muster/contracts';
import { createYielder, type Yielder } from '../../lib/yielder.js';
import { applyDiff, foldsLoops } from './apply-diff.js';
import { createBodyReader, type BodyReader } from './body-reader.js';
import { toExitReports, type LoopState } from './container-loops.js';
import { mayLackExit, toContainerFacts, toContainerRow, type ContainerRow } from './container-row.js';
import {
  appendDiff,
  diffSnapshot,
  emptyDiff,
  isSameContainer,
  type SnapshotDiff,
  type StoredContainer,
} from './diff-snapshot.js';
import type { ReceivedSnapshot, SyncParts } from './received-snapshot.js';
import { decodeElement, differingElements, elementCount, type SplitBody } from './scan-body.js';
import type { CachedSnapshot } from './snapshot-cache.js';

/**
 * Compares a snapshot with the host's last body, and writes the differences on the condition that the host still has
 * the cached revision. Returns null in these cases:
 * - Nothing is cached.
 * - Containers were added, removed or reordered.
 * - The row of a changed container may have an exit that the bodies lack.
 * - Exits must be counted, but the counts are not cached.
 * - The host no longer has the cached revision.
 */
export async function syncByText(parts: SyncParts, snapshot: ReceivedSnapshot): Promise<SyncSummary | null> {
  const cached = parts.cache.get(snapshot.hostId);
  // Without a digest, only the revision could show that the cached body is still current, which is not enough (see
  // `SnapshotWrite.base`).
  if (cached === undefined || cached.digest === null || !snapshot.complete) return null;
  const diff = await diffBodies(cached, snapshot.reader);
  if (diff === null) return null;
  if (cached.loops === null && foldsLoops(snapshot) && toExitReports(diff.events).length > 0) return null;
  diff.keepsExit ||= cached.mayLackExits;
  const loops = cached.loops ?? new Map<string, LoopState>();
  const base = { ...cached, observedAt: null };
  // If the last report is more than an hour old and the result depends on this, nothing is written, and the snapshot is
  // synced by rows.
  return applyDiff(parts, snapshot, { base, diff, totals: null, loops, isContinuous: true });
}

/** Maximum number of containers that are compared without yielding, which takes a few milliseconds. */
const CHUNK_CONTAINERS = 200;

/** Maximum bytes of JSON that are compared without yielding. */
const CHUNK_BYTES = 24 * 1024;

/**
 * Returns the diff between a snapshot's body and the previous body, which is known to equal the rows, except that rows
 * may have exits that the body lacks. Detects only updates. Returns null if containers were added, removed or
 * reordered, if a container is invalid, or if the row of a changed container may have an exit that the bodies lack.
 */
async function diffBodies(cached: CachedSnapshot, reader: BodyReader): Promise<SnapshotDiff | null> {
  const yielder = createYielder();
  const before = await createBodyReader(cached.body, { bounds: cached.bounds }).split();
  const after = await reader.split();
  if (before === null || after === null || elementCount(before) !== elementCount(after)) return null;
  const differingIndexes = differingElements(before, after);
  const diff = emptyDiff(elementCount(after) - differingIndexes.length);
  const perPiece = Math.ceil((CHUNK_BYTES * elementCount(after)) / Math.max(1, after.bytes.length));
  const step = Math.min(CHUNK_CONTAINERS, perPiece);
  for (let start = 0; start < differingIndexes.length; start += step) {
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    const piece = await diffElements([before, after], differingIndexes.slice(start, start + step), cached, yielder);
    if (piece === null) return null;
    appendDiff(diff, piece);
  }
  return diff;
}

/** Returns the diff of the containers at `indexes`; null in the same cases as `diffBodies`. */
async function diffElements(
  [before, after]: readonly [SplitBody, SplitBody],
  indexes: readonly number[],
  { mayLackExits }: CachedSnapshot,
  yielder: Yielder,
): Promise<SnapshotDiff | null> {
  const stored: StoredContainer[] = [];
  const rows: ContainerRow[] = [];
  for (const index of indexes) {
    const previous = decodeElement(before, index);
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    const current = decodeElement(after, index);
    if (previous === null || current === null || previous.dockerId !== current.dockerId) return null;
    if (mayLackExits && (mayLackExit(previous) || mayLackExit(current))) return null;
    const { dockerId } = previous;
    const equal = isSameContainer(previous, current);
    stored.push(equal ? { dockerId, equal } : { dockerId, equal, removed: false, row: toContainerFacts(previous) });
    rows.push(toContainerRow(current));
  }
  return diffSnapshot(stored, rows, { complete: true });
}
