import { CADENCE_DEFAULT, type Cadence, type ContainerInput, type SyncSummary } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { RawBody } from './sync/body-bytes.js';
import { createBodyReader } from './sync/body-reader.js';
import { createHostReports, type HostReports } from './sync/host-reports.js';
import { clampToReceipt, type SnapshotOrder } from './sync/order.js';
import type { SnapshotUsage } from './sync/received-snapshot.js';
import { createSnapshotCache } from './sync/snapshot-cache.js';
import { syncByDigest } from './sync/sync-by-digest.js';
import { syncByRows } from './sync/sync-by-rows.js';
import { syncByText } from './sync/sync-by-text.js';

/** The body of a snapshot request as received: its bytes and their encoding. */
export type SnapshotBody = RawBody;

/** The metadata of a snapshot: everything except its containers. */
export interface SnapshotMetadata {
  /** The snapshot's position in its agent's run. If it is null, snapshots are applied in order of arrival. */
  order?: SnapshotOrder | null;
  /** When the containers were listed, according to the host's clock. */
  observedAt?: Date | null;
  /** If false, containers that the snapshot does not contain are left unchanged. */
  complete?: boolean;
  /** The `dockerId`s of containers that an incomplete snapshot reports as removed. */
  removedIds?: readonly string[];
  /** Digest of the body's bytes. Without a digest, even an unchanged body is compared row by row. */
  digest?: string | null;
  /**
   * Whether only this version's parser can have stored a digest that equals `digest`. If false, a replica of another
   * version may have stored such a digest. Default: true.
   */
  isOwnDigest?: boolean;
  /**
   * Counters to which the sync adds the number of parsed bytes and the size of the written events. The counters are
   * updated even if the sync fails.
   */
  usage?: SnapshotUsage;
}

export interface ContainerService {
  /**
   * Updates the database to match a snapshot of one host, in one transaction. Containers are identified by (host,
   * dockerId) and are created, updated or restored. Containers absent from a complete snapshot are marked exited and
   * removed. Each change is recorded in the history. Unchanged rows are not written. When this resolves with `applied:
   * true`, all changes are committed. If a snapshot is older than the host's stored state, it is not applied and the
   * summary contains the reason.
   *
   * This is the only way to store containers. Accepts the containers as an array or as a request body. Validates the
   * body, and reads no more of it than is needed to find the changes.
   *
   * @throws InvalidRequestError that lists the invalid fields. Nothing was written.
   * @throws BodyTooLargeError if the decompressed body is larger than a snapshot may be.
   * @throws HostDeletedError if the host was deleted.
   * @throws UnavailableError if another snapshot of this host was written first in every attempt, or if another
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
  /** Shared with the heartbeat service, so that heartbeats and unchanged snapshots share SQL statements. */
  reports?: HostReports;
  /**
   * Maximum memory for caching the hosts' last snapshots, in bytes. A host's next snapshot is compared with the cached
   * one.
   */
  memoryBytesMax?: number;
  /** Returns a random number from 0 to 1, like Math.random. The number spreads retries over time. */
  random?: () => number;
}

/**
 * The default of `memoryBytesMax`. Suffices for the last snapshots of 10,000 hosts with 50 containers each, compressed
 * as the agent sends them.
 */
export const SNAPSHOT_MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Creates the service that syncs snapshots. There are three paths, the cheapest first. By digest: nothing changed, so
 * only liveness is written. By text: the host's last body is cached, so only the differences are parsed and written. By
 * rows: the snapshot is compared with the database's rows. Each path ends in a statement that checks the path's
 * assumptions under the host's lock. If the assumptions do not hold, the next path is taken.
 */
export function createContainerService(db: Database, options: ContainerServiceOptions): ContainerService {
  const { cadence = CADENCE_DEFAULT, now, random = Math.random, reports = createHostReports(db) } = options;
  const cache = createSnapshotCache(options.memoryBytesMax ?? SNAPSHOT_MEMORY_BYTES_DEFAULT);
  const parts = { db, cadence, cache, reports, random };

  return {
    async syncContainers(hostId, containers, metadata = {}) {
      const { order = null, observedAt = null, complete = true, removedIds = [], digest = null } = metadata;
      const { isOwnDigest = true, usage = { textBytes: 0, historyBytes: 0 } } = metadata;
      const body = 'bytes' in containers ? containers : toBody(containers);
      const receivedAt = now();
      const snapshot = {
        hostId,
        reader: createBodyReader(body, { usage }),
        order,
        times: { observedAt: clampToReceipt(observedAt, receivedAt), receivedAt },
        eventsObservedAt: observedAt ?? receivedAt,
        complete,
        removedIds,
        digest,
        isOwnDigest,
        usage,
      };
      return (
        (await syncByDigest(parts, snapshot)) ??
        (await syncByText(parts, snapshot)) ??
        (await syncByRows(parts, snapshot))
      );
    },
  };
}

/** Encodes containers as the body of a request that sends them. */
const toBody = (containers: readonly ContainerInput[]): SnapshotBody => ({
  bytes: Buffer.from(JSON.stringify(containers)),
  encoding: 'identity',
});
