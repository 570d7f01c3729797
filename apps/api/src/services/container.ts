import {
  CADENCE_DEFAULT,
  HOST_CONTAINERS_MAX,
  SNAPSHOT_BODY_BYTES_MAX,
  type Cadence,
  type Container,
  type StaleReason,
  type SyncSummary,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import { toContainerFacts, type ContainerRow } from './sync/container-row.js';
import {
  appendDiff,
  diffSnapshot,
  diffSnapshotInTurns,
  noChange,
  sameContainer,
  type SnapshotDiff,
  type StoredContainer,
} from './sync/diff-snapshot.js';
import {
  clampToReceipt,
  judgeOrder,
  type OrderVerdict,
  type SnapshotOrder,
  type SnapshotTimes,
} from './sync/order.js';
import {
  cutSnapshot,
  decodeElement,
  differingElements,
  elementCount,
  type SnapshotText,
} from './sync/split-json-array.js';
import { totalsOf, type ContainerTotals } from './sync/state-counts.js';
import { invalid } from '../lib/parse-or-throw.js';
import { HostDeletedError, UnavailableError } from '../errors.js';
import { findHostLock } from './sync/find-host-lock.sql.js';
import { readHostState, type HostState } from './sync/read-host-state.sql.js';
import { touchStale } from './sync/touch-host.sql.js';
import { presentCount, writeSnapshot, type HostVersion } from './sync/write-snapshot.sql.js';
import { plainBytes, type RawBody } from './sync/body-bytes.js';
import { createHostReports, type HostReports } from './sync/host-reports.js';
import { createSnapshotMemory, type RememberedSnapshot } from './sync/snapshot-memory.js';
import { sourceOfBody, sourceOfContainers, type SnapshotSource } from './sync/snapshot-source.js';
import { createTurnTaking, type TurnTaking } from '../lib/yield-if-busy.js';

/** What is known of a snapshot beside its containers. */
export interface SnapshotMetadata {
  /** Its place in its agent's run; null: it is applied in order of arrival. */
  order?: SnapshotOrder | null;
  /** By the host's clock. */
  observedAt?: Date | null;
  /** False: containers that it does not name are left as they are. */
  complete?: boolean;
  /** Containers that it says were gone, where it is not complete. */
  goneIds?: readonly string[];
  /** Of the body's bytes; null or absent: an equal body will be compared row by row. */
  digest?: string | null;
  /** Counts what the sync did, also where it fails. */
  effort?: SnapshotEffort;
}

/** What a snapshot made this process and the database do, whatever it changed. */
export interface SnapshotEffort {
  /** Text that was read, after decompression. */
  textBytes: number;
  /** Of the events that were written. */
  historyBytes: number;
}

export interface ContainerService {
  /**
   * Makes the database equal to a snapshot of one host, in one transaction: containers are created, updated or
   * brought back to life by (host, dockerId), those that a complete snapshot no longer has are marked exited and
   * removed, each change goes into the history, and rows that did not change are not written. When this resolves
   * with `applied: true` all of that is committed. A snapshot that is older than what the host has is not applied,
   * and the summary says why.
   *
   * `containers` are of unique dockerIds, as `parseSnapshot` gives them.
   *
   * @throws HostDeletedError if the host is gone.
   * @throws UnavailableError if other snapshots of this host kept coming first; nothing was written.
   */
  syncContainers(hostId: string, containers: readonly Container[], metadata?: SnapshotMetadata): Promise<SyncSummary>;

  /**
   * As `syncContainers`, from a request's body, of which no more is read than is needed to know what it changes.
   * @throws InvalidRequestError naming what is wrong with the body; nothing was written.
   * @throws BodyTooLargeError if it decompresses to more than a snapshot may have.
   */
  syncBody(hostId: string, body: RawBody, metadata?: SnapshotMetadata): Promise<SyncSummary>;
}

export interface ContainerServiceOptions {
  cadence?: Cadence;
  now: () => Date;
  /** Shared with the heartbeat service, so that heartbeats and unchanged snapshots share statements. */
  reports?: HostReports;
  /** Bytes of hosts' last snapshots that are kept in memory, to compare the next ones with. */
  memoryBytesMax?: number;
  /** 0 to 1, as Math.random: spreads retries. */
  random?: () => number;
}

/** Room for the last snapshots of 10,000 hosts with 50 containers, compressed as the agent sends them. */
export const SNAPSHOT_MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024;

/** Tries to be first among concurrent snapshots of one host: each round has a winner, so few are ever needed. */
const ATTEMPTS_MAX = 30;
const RETRY_DELAY_MS_MAX = 60;

/** Milliseconds that a sync waits while another transaction holds the host's row, and between two looks at that. */
const LOCK_WAIT_MS_MAX = 2_500;
const LOCK_PAUSE_MS = 50;

/** A snapshot on its way through. */
interface Sync {
  hostId: string;
  source: SnapshotSource;
  order: SnapshotOrder | null;
  times: SnapshotTimes;
  /** By the host's clock, for the history. */
  eventsObservedAt: Date;
  complete: boolean;
  goneIds: readonly string[];
  digest: string | null;
  effort: SnapshotEffort;
}

/**
 * There are three ways in, the cheapest first: by digest (nothing changed: liveness alone is written), by text (the
 * host's last snapshot is remembered: only what differs from it is read and written) and by rows (compared with the
 * database's). Each ends in a statement that asks under the host's lock whether what it assumes still holds; where
 * it does not, the next way is taken.
 */
export function createContainerService(db: Database, options: ContainerServiceOptions): ContainerService {
  const { cadence = CADENCE_DEFAULT, now, random = Math.random } = options;
  const { reports = createHostReports(db) } = options;
  const memory = createSnapshotMemory(options.memoryBytesMax ?? SNAPSHOT_MEMORY_BYTES_DEFAULT);

  const backOff = (attempt: number) =>
    new Promise((resolve) => setTimeout(resolve, random() * Math.min(RETRY_DELAY_MS_MAX, 2 ** attempt)));

  /**
   * Waits until no other transaction holds the host's row, without a connection: to read it before would be for nothing.
   * @throws UnavailableError if that does not come in time.
   */
  async function waitForLock(hostId: string): Promise<void> {
    for (let waitedMs = 0; waitedMs < LOCK_WAIT_MS_MAX; waitedMs += LOCK_PAUSE_MS) {
      if ((await findHostLock(db, hostId)) !== 'locked') return;
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
    throw new UnavailableError('Another change of this host takes long. Try again.');
  }

  async function syncByDigest(sync: Sync): Promise<SyncSummary | null> {
    const { hostId, source, order, times, complete, digest } = sync;
    if (!complete || digest === null) return null;
    // Where we know of another digest, asking would be for nothing.
    const remembered = memory.recall(hostId);
    if (remembered !== undefined && remembered.digest !== digest) return null;
    const { heartbeatSeconds } = cadence;
    const reported = await reports.report({ kind: 'snapshot', hostId, digest, order, heartbeatSeconds, ...times });
    if (reported === null || reported === 'later') return null;
    const { revision, containerCount } = reported;
    if (remembered === undefined) memory.remember(hostId, { revision, digest, ...source.keepsake() });
    const counts = { received: containerCount, created: 0, updated: 0, unchanged: containerCount, removed: 0 };
    return { hostId, applied: true, ...counts, revision, digest, cadence };
  }

  async function syncByText(sync: Sync): Promise<SyncSummary | null> {
    const remembered = memory.recall(sync.hostId);
    // Without a digest, nothing but the revision would say that its rows are still the host's.
    if (remembered === undefined || remembered.digest === null || !sync.complete) return null;
    const diff = await diffTexts(remembered, sync.source);
    return diff && write(sync, { ...remembered, observedAt: null }, diff, null);
  }

  async function syncByRows(sync: Sync): Promise<SyncSummary> {
    const { hostId, order, times, complete, goneIds } = sync;
    const rows = await sync.source.rows();
    // Counted anew: that mends what another version may have counted differently.
    const totals = complete ? totalsOf(rows) : null;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const host = await readHostState(db, hostId, rows, { complete, goneIds });
      if (host === null) throw new HostDeletedError();
      const verdict = judgeOrder(host.order, order, times);
      if (!verdict.current) {
        const { heartbeatSeconds } = cadence;
        if (order) await touchStale(db, hostId, order.stream, { ...times, heartbeatSeconds });
        return staleSummary(hostId, rows, host, verdict, cadence);
      }
      const diff = await diffSnapshotInTurns(host.containers, rows, { complete, goneIds });
      if (!complete) refuseTooMany(host.containerCount, presentCount(diff, complete));
      const summary = await write(sync, host, diff, totals);
      if (summary !== null) return summary;
      await backOff(attempt);
      await waitForLock(hostId);
    }
    throw new UnavailableError('Other snapshots of this host keep coming first. Try again.');
  }

  /** Null: somebody else changed the host since `base`, or the order does not allow it. */
  async function write(
    sync: Sync,
    base: HostVersion,
    diff: SnapshotDiff,
    totals: ContainerTotals | null,
  ): Promise<SyncSummary | null> {
    const { hostId, complete, digest, source, order, times, eventsObservedAt, effort } = sync;
    const written = await writeSnapshot(db, {
      ...{ hostId, base, diff, totals, complete, digest },
      ...{ order, times, eventsObservedAt, heartbeatSeconds: cadence.heartbeatSeconds },
    });
    if (written === null || !complete) memory.forget(hostId);
    else memory.remember(hostId, { revision: written.revision, digest, ...source.keepsake() });
    if (written === null) return null;
    effort.historyBytes += written.historyBytes;
    const { created, updated, removed } = written;
    const received = diff.writes.length + diff.patches.length + diff.unchanged;
    const counts = { received, created, updated, unchanged: diff.unchanged, removed };
    return { hostId, applied: true, ...counts, revision: written.revision, digest: written.digest, cadence };
  }

  async function take(hostId: string, source: SnapshotSource, metadata: SnapshotMetadata): Promise<SyncSummary> {
    const { order = null, observedAt = null, complete = true, goneIds = [], digest = null } = metadata;
    const { effort = { textBytes: 0, historyBytes: 0 } } = metadata;
    const receivedAt = now();
    const times = { observedAt: clampToReceipt(observedAt, receivedAt), receivedAt };
    const eventsObservedAt = observedAt ?? receivedAt;
    const sync: Sync = { hostId, source, order, times, eventsObservedAt, complete, goneIds, digest, effort };
    return (await syncByDigest(sync)) ?? (await syncByText(sync)) ?? (await syncByRows(sync));
  }

  return {
    syncContainers: (hostId, containers, metadata = {}) => take(hostId, sourceOfContainers(containers), metadata),
    syncBody: (hostId, body, metadata = {}) => take(hostId, sourceOfBody(body, metadata.effort), metadata),
  };
}

/** Containers that are compared without a pause, and bytes of their text: a few milliseconds of work. */
const PIECE_CONTAINERS = 200;
const PIECE_BYTES = 24 * 1024;

/**
 * What a snapshot changes, by comparing its text with that of the one before, of which the rows are known to be. It
 * knows of changes only: null where containers came, went or moved, or where one is not valid.
 */
async function diffTexts({ body, bounds }: RememberedSnapshot, source: SnapshotSource): Promise<SnapshotDiff | null> {
  const turns = createTurnTaking();
  const bytes = await plainBytes(body, SNAPSHOT_BODY_BYTES_MAX);
  const old = bounds === null ? await cutSnapshot(bytes) : { bytes, bounds };
  const text = await source.text();
  if (old === null || text === null || elementCount(old) !== elementCount(text)) return null;
  const differing = differingElements(old, text);
  const diff = noChange(elementCount(text) - differing.length);
  const perPiece = Math.ceil((PIECE_BYTES * elementCount(text)) / Math.max(1, text.bytes.length));
  const step = Math.min(PIECE_CONTAINERS, perPiece);
  for (let start = 0; start < differing.length; start += step) {
    if (turns.due()) await turns.yieldTurn();
    const piece = await diffElements([old, text], differing.slice(start, start + step), source, turns);
    if (piece === null) return null;
    appendDiff(diff, piece);
  }
  return diff;
}

/** As `diffTexts`, of the containers at these places. */
async function diffElements(
  [old, text]: readonly [SnapshotText, SnapshotText],
  indexes: readonly number[],
  source: SnapshotSource,
  turns: TurnTaking,
): Promise<SnapshotDiff | null> {
  const stored: StoredContainer[] = [];
  const rows: ContainerRow[] = [];
  for (const index of indexes) {
    const was = decodeElement(old, index);
    if (turns.due()) await turns.yieldTurn();
    const is = source.row(text, index);
    if (was === null || is === null || was.dockerId !== is.dockerId) return null;
    const { dockerId } = was;
    const equal = sameContainer(was, is);
    stored.push(equal ? { dockerId, equal } : { dockerId, equal, removed: false, row: toContainerFacts(was) });
    rows.push(is);
  }
  return diffSnapshot(stored, rows, { complete: true });
}

/** @throws InvalidRequestError if a host's present containers would become too many by an incomplete snapshot. */
function refuseTooMany(present: number, added: number): void {
  if (added <= 0 || present + added <= HOST_CONTAINERS_MAX) return;
  const message = `would make ${present + added} present containers, and a host has at most ${HOST_CONTAINERS_MAX}`;
  throw invalid([{ path: '', message }]);
}

function staleSummary(
  hostId: string,
  rows: readonly ContainerRow[],
  { revision, digest }: HostState,
  { reason }: OrderVerdict & { current: false; reason: StaleReason },
  cadence: Cadence,
): SyncSummary {
  const counts = { received: rows.length, created: 0, updated: 0, unchanged: 0, removed: 0 };
  return { hostId, applied: false, reason, ...counts, revision, digest, cadence };
}
