import type { SyncSummary } from '@muster/contracts';
import type { SnapshotDiff } from './diff-snapshot.js';
import { foldLoops, statesAfter, type LoopStates } from './fold-loops.js';
import type { ReceivedSnapshot, SyncParts } from './received-snapshot.js';
import type { ContainerTotals } from './state-counts.js';
import { writeSnapshot, type HostVersion } from './write-snapshot.sql.js';

export interface DiffToApply {
  base: HostVersion;
  diff: SnapshotDiff;
  totals: ContainerTotals | null;
  /** The exit counts of the host's rows before the snapshot. */
  loops: LoopStates;
  /** Whether the host's last report is at most an hour older than the snapshot. `writeSnapshot` checks this. */
  isContinuous: boolean;
}

/**
 * Returns whether the exits of looping containers are recorded in one event per hour. Dashboards of versions before 0.4
 * cannot show this event, and replicas of these versions do not count exits.
 */
export const foldsLoops = ({ isOwnDigest }: ReceivedSnapshot): boolean => isOwnDigest;

/**
 * Writes the differences between a snapshot and `base`, and caches the snapshot. Returns null if `writeSnapshot` wrote
 * nothing, for example because another writer changed the host since `base`.
 */
export async function applyDiff(
  { db, cadence, cache }: SyncParts,
  snapshot: ReceivedSnapshot,
  { base, diff, totals, loops, isContinuous }: DiffToApply,
): Promise<SyncSummary | null> {
  const { hostId, complete, digest, reader, usage, times } = snapshot;
  const { heartbeatSeconds } = cadence;
  const observedAt = snapshot.eventsObservedAt;
  const stepTimes = { observedAt, receivedAt: times.receivedAt, isContinuous };
  const folded = await foldLoops(diff.events, loops, { ...stepTimes, foldsLoops: foldsLoops(snapshot) });
  const write = { ...snapshot, base, diff, totals, heartbeatSeconds, loops: folded, isContinuous };
  const written = await writeSnapshot(db, write);
  if (written === null || !complete) cache.delete(hostId);
  else {
    cache.set(hostId, {
      revision: written.revision,
      digest,
      mayLackExits: diff.keepsExit,
      loops: statesAfter(loops, folded.changes, { removals: diff.removals, observedAt }),
      ...reader.cacheEntry(),
    });
  }
  if (written === null) return null;
  usage.historyBytes += written.historyBytes;
  const { created, updated, removed } = written;
  const received = diff.writes.length + diff.patches.length + diff.unchanged;
  const counts = { received, created, updated, unchanged: diff.unchanged, removed };
  return { hostId, applied: true, ...counts, revision: written.revision, digest: written.digest, cadence };
}
