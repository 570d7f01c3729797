import { HOST_CONTAINERS_MAX, type Cadence, type StaleReason, type SyncSummary } from '@muster/contracts';
import type { Database } from '@muster/db';
import { HostDeletedError, UnavailableError } from '../../errors.js';
import { invalidRequest } from '../../lib/parse-or-throw.js';
import { applyDiff } from './apply-diff.js';
import type { ContainerRow } from './container-row.js';
import { LOOP_MS } from './container-loops.js';
import { countContainers } from './count-containers.sql.js';
import { diffSnapshotWithYields, type SnapshotDiff } from './diff-snapshot.js';
import { findHostLock } from './find-host-lock.sql.js';
import { checkOrder, type OrderResult } from './order.js';
import { readHostState, type HostState } from './read-host-state.sql.js';
import type { ReceivedSnapshot, SyncParts } from './received-snapshot.js';
import { recordStaleSnapshot } from './record-stale-snapshot.sql.js';
import { addTotals, totalsOf, type ContainerTotals } from './state-counts.js';
import { presentCount } from './write-snapshot.sql.js';

/**
 * Maximum number of attempts to write a snapshot. An attempt fails if another snapshot of the host is written first.
 * One of the concurrent snapshots succeeds in each round, so few attempts are needed.
 */
const ATTEMPTS_MAX = 30;
/** Maximum wait before another attempt, in milliseconds. */
const RETRY_DELAY_MS_MAX = 60;

/** Milliseconds between two checks of whether the row is still locked. */
const LOCK_PAUSE_MS = 50;

/**
 * Parses the whole snapshot, compares it with the host's rows, and writes the differences. Repeats this if another
 * writer changed the host in between.
 * @throws the errors of `syncContainers`.
 */
export async function syncByRows(parts: SyncParts, snapshot: ReceivedSnapshot): Promise<SyncSummary> {
  const { db, cadence, random } = parts;
  const { hostId, order, times, complete, removedIds } = snapshot;
  const rows = await snapshot.reader.rows();
  // While replicas of an earlier version run, missing columns are not derived. Otherwise, both versions would rewrite
  // each other's rows.
  const derivesMissing = snapshot.isOwnDigest;
  let keepsExit = false;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const read = { complete, removedIds, derivesMissing, observedAt: snapshot.eventsObservedAt };
    const host = await readHostState(db, hostId, rows, read);
    if (host === null) throw new HostDeletedError();
    const orderResult = checkOrder(host.order, order, times);
    if (!orderResult.isCurrent) {
      const { heartbeatSeconds } = cadence;
      if (order) await recordStaleSnapshot(db, hostId, order.stream, { ...times, heartbeatSeconds });
      return staleSummary(hostId, rows, host, orderResult, cadence);
    }
    const diff = await diffSnapshotWithYields(host.containers, rows, { complete, removedIds });
    // An earlier attempt may already have copied stored exits to the rows.
    keepsExit = diff.keepsExit ||= keepsExit;
    // Count the totals from the rows, because another version of Muster may have counted the stored totals differently.
    const totals = complete ? totalsOf(rows) : await totalsOfAll(db, hostId, host, diff);
    if (!complete) requireContainerLimit(host.containerCount, presentCount(diff, complete));
    const isContinuous = host.observedAt !== null && host.observedAt.getTime() > times.observedAt.getTime() - LOOP_MS;
    const summary = await applyDiff(parts, snapshot, { base: host, diff, totals, loops: host.loops, isContinuous });
    if (summary !== null) return summary;
    await pause(random() * Math.min(RETRY_DELAY_MS_MAX, 2 ** attempt));
    await waitUntilUnlocked(db, hostId);
  }
  throw new UnavailableError('Conflicting concurrent snapshots for this host. Retry.');
}

/**
 * Returns the counts after an incomplete snapshot. A complete snapshot corrects counts that another version of Muster
 * stored. A host with more containers than fit into a snapshot never sends a complete snapshot, so its rows are
 * counted. Returns null if the last snapshot was complete. The changes are then added to the stored counts.
 */
async function totalsOfAll(
  db: Database,
  hostId: string,
  { digest }: HostState,
  { totalChanges }: SnapshotDiff,
): Promise<ContainerTotals | null> {
  return digest === null ? addTotals(await countContainers(db, hostId), totalChanges) : null;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Waits until no other transaction holds the host's row lock, without occupying a connection. Rows that are read before
 * the lock is released would be outdated.
 * @throws UnavailableError if the lock is not released in time.
 */
async function waitUntilUnlocked(db: Database, hostId: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < db.lockWaitMsMax; waitedMs += LOCK_PAUSE_MS) {
    if ((await findHostLock(db, hostId)) !== 'locked') return;
    await pause(LOCK_PAUSE_MS);
  }
  throw new UnavailableError('Another change to this host is taking too long. Retry.');
}

/** @throws InvalidRequestError if an incomplete snapshot would give the host too many present containers. */
function requireContainerLimit(present: number, added: number): void {
  if (added <= 0 || present + added <= HOST_CONTAINERS_MAX) return;
  const message = `would make ${present + added} present containers; a host may have at most ${HOST_CONTAINERS_MAX}`;
  throw invalidRequest([{ path: '', message }]);
}

function staleSummary(
  hostId: string,
  rows: readonly ContainerRow[],
  { revision, digest }: HostState,
  { reason }: OrderResult & { isCurrent: false; reason: StaleReason },
  cadence: Cadence,
): SyncSummary {
  const counts = { received: rows.length, created: 0, updated: 0, unchanged: 0, removed: 0 };
  return { hostId, applied: false, reason, ...counts, revision, digest, cadence };
}
