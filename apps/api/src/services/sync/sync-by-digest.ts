import type { SyncSummary } from '@muster/contracts';
import type { ReceivedSnapshot, SyncParts } from './received-snapshot.js';

/**
 * Confirms a snapshot whose digest equals the host's stored one, and writes only the host's liveness and order. Returns
 * null if the snapshot could not be confirmed. The snapshot must then be compared with the stored containers.
 */
export async function syncByDigest(
  { cadence, cache, reports }: SyncParts,
  { hostId, reader, order, times, complete, digest, isOwnDigest }: ReceivedSnapshot,
): Promise<SyncSummary | null> {
  if (!complete || digest === null) return null;
  // If the cached digest differs, the statement is skipped: the stored digest usually differs too, so the statement
  // would match no row. With several replicas, the cache may be outdated. In that case, even an unchanged snapshot is
  // synced by rows.
  const cached = cache.get(hostId);
  if (cached !== undefined && cached.digest !== digest) return null;
  const { heartbeatSeconds } = cadence;
  const reported = await reports.report({ kind: 'snapshot', hostId, digest, order, heartbeatSeconds, ...times });
  if (reported === null || reported === 'later') return null;
  const { revision, containerCount } = reported;
  // A sync by text requires that this version's parser has written the rows.
  if (cached === undefined && isOwnDigest)
    cache.set(hostId, { revision, digest, mayLackExits: true, loops: null, ...reader.cacheEntry() });
  const counts = { received: containerCount, created: 0, updated: 0, unchanged: containerCount, removed: 0 };
  return { hostId, applied: true, ...counts, revision, digest, cadence };
}
