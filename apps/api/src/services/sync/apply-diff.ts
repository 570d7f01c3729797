import type { SyncSummary } from '@muster/contracts';
import type { SnapshotDiff } from './diff-snapshot.js';
import type { ReceivedSnapshot, SyncParts } from './received-snapshot.js';
import type { ContainerTotals } from './state-counts.js';
import { writeSnapshot, type HostVersion } from './write-snapshot.sql.js';

/**
 * Writes the differences between a snapshot and `base`, and caches the snapshot. Returns null if `writeSnapshot` wrote
 * nothing, for example because another writer changed the host since `base`.
 */
export async function applyDiff(
  { db, cadence, cache }: SyncParts,
  snapshot: ReceivedSnapshot,
  { base, diff, totals }: { base: HostVersion; diff: SnapshotDiff; totals: ContainerTotals | null },
): Promise<SyncSummary | null> {
  const { hostId, complete, digest, reader, usage } = snapshot;
  const { heartbeatSeconds } = cadence;
  // A dashboard of a version before 0.4 cannot show the event `looping`, and replicas of that version do not count exits.
  const foldsLoops = snapshot.isOwnDigest;
  const written = await writeSnapshot(db, { ...snapshot, base, diff, totals, heartbeatSeconds, foldsLoops });
  if (written === null || !complete) cache.delete(hostId);
  else cache.set(hostId, { revision: written.revision, digest, mayLackExits: diff.keepsExit, ...reader.cacheEntry() });
  if (written === null) return null;
  usage.historyBytes += written.historyBytes;
  const { created, updated, removed } = written;
  const received = diff.writes.length + diff.patches.length + diff.unchanged;
  const counts = { received, created, updated, unchanged: diff.unchanged, removed };
  return { hostId, applied: true, ...counts, revision: written.revision, digest: written.digest, cadence };
}
