import {
  CADENCE_DEFAULT,
  HOST_CONTAINERS_MAX,
  SNAPSHOT_BODY_BYTES_MAX,
  type Cadence,
  type ContainerInput,
  type StaleReason,
  type SyncSummary,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import { toContainerFacts, type ContainerRow } from './sync/container-row.js';
import {
  appendDiff,
  diffSnapshot,
  diffSnapshotWithYields,
  emptyDiff,
  sameContainer,
  type SnapshotDiff,
  type StoredContainer,
} from './sync/diff-snapshot.js';
import { clampToReceipt, checkOrder, type OrderResult, type SnapshotOrder, type SnapshotTimes } from './sync/order.js';
import {
  splitJsonArray,
  decodeElement,
  differingElements,
  elementCount,
  type SplitBody,
} from './sync/split-json-array.js';
import { totalsOf, type ContainerTotals } from './sync/state-counts.js';
import { invalidRequest } from '../lib/parse-or-throw.js';
import { HostDeletedError, UnavailableError } from '../errors.js';
import { findHostLock } from './sync/find-host-lock.sql.js';
import { readHostState, type HostState } from './sync/read-host-state.sql.js';
import { recordStaleSnapshot } from './sync/record-stale-snapshot.sql.js';
import { presentCount, writeSnapshot, type HostVersion } from './sync/write-snapshot.sql.js';
import { plainBytes, type RawBody } from './sync/body-bytes.js';
import { createHostReports, type HostReports } from './sync/host-reports.js';
import { createSnapshotCache, type CachedSnapshot } from './sync/snapshot-cache.js';
import { createBodyReader, type BodyReader } from './sync/body-reader.js';
import { createYielder, type Yielder } from '../lib/yielder.js';

/** The body of a snapshot request as received: its bytes and their encoding. */
export type SnapshotBody = RawBody;

/** The metadata of a snapshot, which does not include its containers. */
export interface SnapshotMetadata {
  /** The snapshot's position in its agent's run. Null: snapshots are applied in order of arrival. */
  order?: SnapshotOrder | null;
  /** When the containers were listed, according to the host's clock. */
  observedAt?: Date | null;
  /** If false, containers that the snapshot does not name are left unchanged. */
  complete?: boolean;
  /** The `dockerId`s of containers that an incomplete snapshot reports as removed. */
  removedIds?: readonly string[];
  /** Digest of the body's bytes. If it is null or absent, even an unchanged body is compared row by row. */
  digest?: string | null;
  /** Receives the work of the sync, even if the sync fails. */
  usage?: SnapshotUsage;
}

/** The work that a snapshot causes, whether or not it changes anything. */
export interface SnapshotUsage {
  /** Bytes of text that were read, after decompression. */
  textBytes: number;
  /** Bytes of the events that were written. */
  historyBytes: number;
}

export interface ContainerService {
  /**
   * Updates the database to match a snapshot of one host, in one transaction. Containers are identified by (host,
   * dockerId) and are created, updated or restored. Containers absent from a complete snapshot are marked exited and
   * removed. Each change is recorded in the history. Unchanged rows are not written. When this resolves with `applied:
   * true`, all changes are committed. A snapshot older than the host's stored state is not applied, and the summary
   * contains the reason.
   *
   * This is the only way to store containers. Accepts the containers as an array or as a request body. Validates the
   * body, and reads no more of it than is needed to find the changes.
   *
   * @throws InvalidRequestError naming the invalid fields. Nothing was written.
   * @throws BodyTooLargeError if the decompressed body is larger than a snapshot may be.
   * @throws HostDeletedError if the host was deleted.
   * @throws UnavailableError if concurrent snapshots of this host were written first in every attempt, or if another
   * transaction held the host's row lock for too long. Nothing was written.
   */
  syncContainers(
    hostId: string,
    containers: readonly ContainerInput[] | SnapshotBody,
    metadata?: SnapshotMetadata,
  ): Promise<SyncSummary>;
}

export interface ContainerServiceOptions {
  cadence?: Cadence;
  now: () => Date;
  /** Shared with the heartbeat service, so that heartbeats and unchanged snapshots share statements. */
  reports?: HostReports;
  /** Maximum memory for caching the hosts' last snapshots, in bytes. The next snapshots are compared with them. */
  memoryBytesMax?: number;
  /** Returns a number from 0 to 1, like Math.random, which spreads retries. */
  random?: () => number;
}

/** Suffices for the last snapshots of 10,000 hosts with 50 containers each, compressed as the agent sends them. */
export const SNAPSHOT_MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Maximum number of attempts to write a snapshot while other snapshots of the host are written. One of them succeeds in
 * each round, so few attempts are needed.
 */
const ATTEMPTS_MAX = 30;
const RETRY_DELAY_MS_MAX = 60;

/** Maximum milliseconds that a sync waits for the host's row lock. */
const LOCK_WAIT_MS_MAX = 2_500;

/** Milliseconds between two checks of whether the row is still locked. */
const LOCK_PAUSE_MS = 50;

/** A snapshot that is being synced. */
interface Sync {
  hostId: string;
  body: BodyReader;
  order: SnapshotOrder | null;
  times: SnapshotTimes;
  /** The host's time, which is recorded with the events. */
  eventsObservedAt: Date;
  complete: boolean;
  removedIds: readonly string[];
  digest: string | null;
  usage: SnapshotUsage;
}

/**
 * Creates the service that syncs snapshots. A snapshot takes the cheapest of three paths: by digest (nothing changed,
 * so only liveness is written), by body (the host's last body is cached, so only the differences are parsed and
 * written) or by rows (compared with the database's rows). Each path ends in a statement that checks its assumptions
 * under the host's lock. If they do not hold, the next path is taken.
 */
export function createContainerService(db: Database, options: ContainerServiceOptions): ContainerService {
  const { cadence = CADENCE_DEFAULT, now, random = Math.random } = options;
  const { reports = createHostReports(db) } = options;
  const cache = createSnapshotCache(options.memoryBytesMax ?? SNAPSHOT_MEMORY_BYTES_DEFAULT);

  const backOff = (attempt: number) =>
    new Promise((resolve) => setTimeout(resolve, random() * Math.min(RETRY_DELAY_MS_MAX, 2 ** attempt)));

  /**
   * Waits until no other transaction holds the host's row lock, without occupying a connection. Rows read earlier would
   * be outdated.
   * @throws UnavailableError if the lock is not released in time.
   */
  async function waitForLock(hostId: string): Promise<void> {
    for (let waitedMs = 0; waitedMs < LOCK_WAIT_MS_MAX; waitedMs += LOCK_PAUSE_MS) {
      if ((await findHostLock(db, hostId)) !== 'locked') return;
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
    throw new UnavailableError('Another change to this host is taking too long. Retry.');
  }

  async function syncByDigest(sync: Sync): Promise<SyncSummary | null> {
    const { hostId, body, order, times, complete, digest } = sync;
    if (!complete || digest === null) return null;
    // If the cached digest differs, the stored one does too, so the statement could not match.
    const cached = cache.get(hostId);
    if (cached !== undefined && cached.digest !== digest) return null;
    const { heartbeatSeconds } = cadence;
    const reported = await reports.report({ kind: 'snapshot', hostId, digest, order, heartbeatSeconds, ...times });
    if (reported === null || reported === 'later') return null;
    const { revision, containerCount } = reported;
    if (cached === undefined) cache.set(hostId, { revision, digest, ...body.cacheEntry() });
    const counts = { received: containerCount, created: 0, updated: 0, unchanged: containerCount, removed: 0 };
    return { hostId, applied: true, ...counts, revision, digest, cadence };
  }

  async function syncByBody(sync: Sync): Promise<SyncSummary | null> {
    const cached = cache.get(sync.hostId);
    // Without a digest, only the revision could show that the cached rows are still current.
    if (cached === undefined || cached.digest === null || !sync.complete) return null;
    const diff = await diffBodies(cached, sync.body);
    return diff && write(sync, { ...cached, observedAt: null }, diff, null);
  }

  async function syncByRows(sync: Sync): Promise<SyncSummary> {
    const { hostId, order, times, complete, removedIds } = sync;
    const rows = await sync.body.rows();
    // The totals are counted again, which corrects totals that another version may have counted differently.
    const totals = complete ? totalsOf(rows) : null;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const host = await readHostState(db, hostId, rows, { complete, removedIds });
      if (host === null) throw new HostDeletedError();
      const verdict = checkOrder(host.order, order, times);
      if (!verdict.current) {
        const { heartbeatSeconds } = cadence;
        if (order) await recordStaleSnapshot(db, hostId, order.stream, { ...times, heartbeatSeconds });
        return staleSummary(hostId, rows, host, verdict, cadence);
      }
      const diff = await diffSnapshotWithYields(host.containers, rows, { complete, removedIds });
      if (!complete) requireContainerLimit(host.containerCount, presentCount(diff, complete));
      const summary = await write(sync, host, diff, totals);
      if (summary !== null) return summary;
      await backOff(attempt);
      await waitForLock(hostId);
    }
    throw new UnavailableError('Conflicting concurrent snapshots for this host. Retry.');
  }

  /** Returns null if another writer changed the host since `base`, or if the order does not allow the write. */
  async function write(
    sync: Sync,
    base: HostVersion,
    diff: SnapshotDiff,
    totals: ContainerTotals | null,
  ): Promise<SyncSummary | null> {
    const { hostId, complete, digest, body, order, times, eventsObservedAt, usage } = sync;
    const written = await writeSnapshot(db, {
      hostId,
      base,
      diff,
      totals,
      complete,
      digest,
      order,
      times,
      eventsObservedAt,
      heartbeatSeconds: cadence.heartbeatSeconds,
    });
    if (written === null || !complete) cache.delete(hostId);
    else cache.set(hostId, { revision: written.revision, digest, ...body.cacheEntry() });
    if (written === null) return null;
    usage.historyBytes += written.historyBytes;
    const { created, updated, removed } = written;
    const received = diff.writes.length + diff.patches.length + diff.unchanged;
    const counts = { received, created, updated, unchanged: diff.unchanged, removed };
    return { hostId, applied: true, ...counts, revision: written.revision, digest: written.digest, cadence };
  }

  return {
    async syncContainers(hostId, containers, metadata = {}) {
      const { order = null, observedAt = null, complete = true, removedIds = [], digest = null } = metadata;
      const { usage = { textBytes: 0, historyBytes: 0 } } = metadata;
      const received = 'bytes' in containers ? containers : toBody(containers);
      const body = createBodyReader(received, usage);
      const receivedAt = now();
      const times = { observedAt: clampToReceipt(observedAt, receivedAt), receivedAt };
      const eventsObservedAt = observedAt ?? receivedAt;
      const sync: Sync = { hostId, body, order, times, eventsObservedAt, complete, removedIds, digest, usage };
      return (await syncByDigest(sync)) ?? (await syncByBody(sync)) ?? (await syncByRows(sync));
    },
  };
}

/** Encodes containers as the body of a request that sends them. */
const toBody = (containers: readonly ContainerInput[]): SnapshotBody => ({
  bytes: Buffer.from(JSON.stringify(containers)),
  encoding: 'identity',
});

/** Maximum number of containers that are compared without yielding, which takes a few milliseconds. */
const CHUNK_CONTAINERS = 200;

/** Maximum bytes of the JSON of these containers. */
const CHUNK_BYTES = 24 * 1024;

/**
 * Returns the diff between a snapshot's body and the previous body, which is known to equal the rows. Detects only
 * updates, and returns null if containers were added, removed or reordered, or if one is invalid.
 */
async function diffBodies(cached: CachedSnapshot, body: BodyReader): Promise<SnapshotDiff | null> {
  const yielder = createYielder();
  const bytes = await plainBytes(cached.body, SNAPSHOT_BODY_BYTES_MAX);
  const before = cached.bounds === null ? await splitJsonArray(bytes) : { bytes, bounds: cached.bounds };
  const after = await body.split();
  if (before === null || after === null || elementCount(before) !== elementCount(after)) return null;
  const differingIndexes = differingElements(before, after);
  const diff = emptyDiff(elementCount(after) - differingIndexes.length);
  const perPiece = Math.ceil((CHUNK_BYTES * elementCount(after)) / Math.max(1, after.bytes.length));
  const step = Math.min(CHUNK_CONTAINERS, perPiece);
  for (let start = 0; start < differingIndexes.length; start += step) {
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    const piece = await diffElements([before, after], differingIndexes.slice(start, start + step), body, yielder);
    if (piece === null) return null;
    appendDiff(diff, piece);
  }
  return diff;
}

/** Returns the diff of the containers at `indexes`; null in the same cases as `diffBodies`. */
async function diffElements(
  [before, after]: readonly [SplitBody, SplitBody],
  indexes: readonly number[],
  body: BodyReader,
  yielder: Yielder,
): Promise<SnapshotDiff | null> {
  const stored: StoredContainer[] = [];
  const rows: ContainerRow[] = [];
  for (const index of indexes) {
    const previous = decodeElement(before, index);
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    const current = body.row(after, index);
    if (previous === null || current === null || previous.dockerId !== current.dockerId) return null;
    const { dockerId } = previous;
    const equal = sameContainer(previous, current);
    stored.push(equal ? { dockerId, equal } : { dockerId, equal, removed: false, row: toContainerFacts(previous) });
    rows.push(current);
  }
  return diffSnapshot(stored, rows, { complete: true });
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
  { reason }: OrderResult & { current: false; reason: StaleReason },
  cadence: Cadence,
): SyncSummary {
  const counts = { received: rows.length, created: 0, updated: 0, unchanged: 0, removed: 0 };
  return { hostId, applied: false, reason, ...counts, revision, digest, cadence };
}
