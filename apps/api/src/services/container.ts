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

/** The body of a snapshot's request as received: its bytes and their encoding. */
export type SnapshotBody = RawBody;

/** Metadata of a snapshot, apart from its containers. */
export interface SnapshotMetadata {
  /** The snapshot's position in its agent's run; null applies it in order of arrival. */
  order?: SnapshotOrder | null;
  /** By the host's clock. */
  observedAt?: Date | null;
  /** False leaves containers that the snapshot does not name unchanged. */
  complete?: boolean;
  /** Containers that an incomplete snapshot reports as gone. */
  removedIds?: readonly string[];
  /** Digest of the body's bytes. If it is null or absent, an equal body is compared row by row. */
  digest?: string | null;
  /** Counts the work of the sync, even if it fails. */
  usage?: SnapshotUsage;
}

/** The work that a snapshot causes, whether or not it changes anything. */
export interface SnapshotUsage {
  /** Bytes of text read, after decompression. */
  textBytes: number;
  /** Bytes of the events written. */
  historyBytes: number;
}

export interface ContainerService {
  /**
   * Makes the database equal to a snapshot of one host, in one transaction. Containers are identified by (host,
   * dockerId) and are created, updated or restored. Containers absent from a complete snapshot are marked exited and
   * removed. Each change is recorded in the history. Unchanged rows are not written. All of it is committed when this
   * resolves with `applied: true`. A snapshot older than what the host has is not applied, and the summary contains the
   * reason.
   *
   * This is the only way to store containers. It takes them as an array or as a request's body, which it validates, and
   * reads no more of it than is needed to find the changes.
   *
   * @throws InvalidRequestError naming the invalid fields; nothing was written.
   * @throws BodyTooLargeError if the body has more bytes, decompressed, than a snapshot may have.
   * @throws HostDeletedError if the host was deleted.
   * @throws UnavailableError if concurrent snapshots of this host always won, or if another transaction held the host's
   *   row for too long; nothing was written.
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
  /** Bytes of hosts' last snapshots that are cached for comparison with the next ones. */
  memoryBytesMax?: number;
  /** Returns 0 to 1 like Math.random; spreads retries. */
  random?: () => number;
}

/** Enough for the last snapshots of 10,000 hosts with 50 containers, compressed as the agent sends them. */
export const SNAPSHOT_MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Attempts to write among concurrent snapshots of one host. One of them succeeds in each round, so few attempts are
 * needed.
 */
const ATTEMPTS_MAX = 30;
const RETRY_DELAY_MS_MAX = 60;

/** Milliseconds that a sync waits while another transaction holds the host's row, and between two checks of that. */
const LOCK_WAIT_MS_MAX = 2_500;
const LOCK_PAUSE_MS = 50;

/** A snapshot being synced. */
interface Sync {
  hostId: string;
  body: BodyReader;
  order: SnapshotOrder | null;
  times: SnapshotTimes;
  /** By the host's clock, for the history. */
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
   * Waits until no other transaction holds the host's row, without holding a connection. Reading the row earlier would
   * be wasted.
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
    // If the cached digest differs, the statement cannot match.
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
    // Without a digest, only the revision would show that the cached rows are still the host's.
    if (cached === undefined || cached.digest === null || !sync.complete) return null;
    const diff = await diffBodies(cached, sync.body);
    return diff && write(sync, { ...cached, observedAt: null }, diff, null);
  }

  async function syncByRows(sync: Sync): Promise<SyncSummary> {
    const { hostId, order, times, complete, removedIds } = sync;
    const rows = await sync.body.rows();
    // Count again, which corrects totals that another version may have counted differently.
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

/** Containers, and bytes of their JSON, that are compared without yielding: a few milliseconds of work. */
const CHUNK_CONTAINERS = 200;
const CHUNK_BYTES = 24 * 1024;

/**
 * Returns what a snapshot changes, by comparing its body with the previous one, which is known to equal the rows. Only
 * detects updates: returns null if containers were added, removed or moved, or if one is invalid.
 */
async function diffBodies(cached: CachedSnapshot, body: BodyReader): Promise<SnapshotDiff | null> {
  const yielder = createYielder();
  const bytes = await plainBytes(cached.body, SNAPSHOT_BODY_BYTES_MAX);
  const before = cached.bounds === null ? await splitJsonArray(bytes) : { bytes, bounds: cached.bounds };
  const after = await body.split();
  if (before === null || after === null || elementCount(before) !== elementCount(after)) return null;
  const differing = differingElements(before, after);
  const diff = emptyDiff(elementCount(after) - differing.length);
  const perPiece = Math.ceil((CHUNK_BYTES * elementCount(after)) / Math.max(1, after.bytes.length));
  const step = Math.min(CHUNK_CONTAINERS, perPiece);
  for (let start = 0; start < differing.length; start += step) {
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    const piece = await diffElements([before, after], differing.slice(start, start + step), body, yielder);
    if (piece === null) return null;
    appendDiff(diff, piece);
  }
  return diff;
}

/** Does the same as `diffBodies` for the containers at `indexes`. */
async function diffElements(
  [before, after]: readonly [SplitBody, SplitBody],
  indexes: readonly number[],
  body: BodyReader,
  yielder: Yielder,
): Promise<SnapshotDiff | null> {
  const stored: StoredContainer[] = [];
  const rows: ContainerRow[] = [];
  for (const index of indexes) {
    const was = decodeElement(before, index);
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    const is = body.row(after, index);
    if (was === null || is === null || was.dockerId !== is.dockerId) return null;
    const { dockerId } = was;
    const equal = sameContainer(was, is);
    stored.push(equal ? { dockerId, equal } : { dockerId, equal, removed: false, row: toContainerFacts(was) });
    rows.push(is);
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
