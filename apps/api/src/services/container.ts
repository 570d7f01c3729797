import { CADENCE_DEFAULT, type Cadence, type Container, type StaleReason, type SyncSummary } from '@muster/contracts';
import type { Database } from '@muster/db';
import { toContainerRow, type ContainerRow } from '../domain/container-row.js';
import { diffSnapshot } from '../domain/diff-snapshot.js';
import { clampToReceipt, judgeOrder, type OrderVerdict, type SnapshotOrder } from '../domain/order.js';
import { stateCounts } from '../domain/state-counts.js';
import { HostDeletedError, UnavailableError } from '../errors.js';
import { confirmUnchanged } from '../sql/confirm-unchanged.js';
import { readHostState, type HostState } from '../sql/read-host-state.js';
import { touchStale } from '../sql/touch-host.js';
import { writeSnapshot } from '../sql/write-snapshot.js';

/** What is known of a snapshot beside its containers. */
export interface SnapshotMetadata {
  /** Its place in its agent's run; null: it is applied in order of arrival. */
  order?: SnapshotOrder | null;
  /** By the host's clock. */
  observedAt?: Date | null;
  /** False: containers that it does not name are left as they are. */
  complete?: boolean;
  /** Of the body's bytes; null or absent: an equal body will be compared row by row. */
  digest?: string | null;
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
   * Takes a snapshot by the digest of its body alone, without its being parsed: resolves with its summary where it
   * is complete and equals the last one applied, else with null, and then nothing was written and `syncContainers`
   * is to be asked.
   */
  confirmContainers(hostId: string, digest: string, metadata: SnapshotMetadata): Promise<SyncSummary | null>;
}

export interface ContainerServiceOptions {
  cadence?: Cadence;
  now?: () => Date;
  /** 0 to 1, as Math.random: spreads retries. */
  random?: () => number;
}

/** Tries to be first among concurrent snapshots of one host: each round has a winner, so few are ever needed. */
const ATTEMPTS_MAX = 30;
const RETRY_DELAY_MS_MAX = 60;

export function createContainerService(
  db: Database,
  { cadence = CADENCE_DEFAULT, now = () => new Date(), random = Math.random }: ContainerServiceOptions = {},
): ContainerService {
  const timesOf = ({ observedAt = null }: SnapshotMetadata) => {
    const receivedAt = now();
    return { observedAt: clampToReceipt(observedAt, receivedAt), receivedAt };
  };

  const backOff = (attempt: number) =>
    new Promise((resolve) => setTimeout(resolve, random() * Math.min(RETRY_DELAY_MS_MAX, 2 ** attempt)));

  return {
    async syncContainers(hostId, containers, metadata = {}) {
      const { order = null, complete = true } = metadata;
      const rows = containers.map(toContainerRow);
      const times = timesOf(metadata);
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
        const host = await readHostState(db, hostId, rows);
        if (host === null) throw new HostDeletedError();
        const verdict = judgeOrder(host.order, order, times);
        if (!verdict.current) {
          if (order) await touchStale(db, hostId, order.stream, times.receivedAt);
          return staleSummary(hostId, rows, host, verdict, cadence);
        }
        const diff = diffSnapshot(host.containers, rows, { complete });
        const written = await writeSnapshot(db, {
          stateCounts: stateCounts(host.containers, rows, { complete }),
          ...{ hostId, revision: host.revision, diff, complete, digest: metadata.digest ?? null, order, times },
          eventsObservedAt: metadata.observedAt ?? times.receivedAt,
        });
        if (written !== null) {
          const { created, updated, removed, revision, digest } = written;
          const { unchanged } = diff;
          const counts = { received: rows.length, created, updated, unchanged, removed };
          return { hostId, applied: true, ...counts, revision, digest, cadence };
        }
        await backOff(attempt);
      }
      throw new UnavailableError('Other snapshots of this host keep coming first. Try again.');
    },

    async confirmContainers(hostId, digest, metadata) {
      const { order = null, complete = true } = metadata;
      if (!complete) return null;
      const confirmed = await confirmUnchanged(db, hostId, digest, order, timesOf(metadata));
      if (confirmed === null) return null;
      const { revision, containerCount } = confirmed;
      return {
        ...{ hostId, applied: true, received: containerCount, created: 0, updated: 0, unchanged: containerCount },
        ...{ removed: 0, revision, digest, cadence },
      };
    },
  };
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
