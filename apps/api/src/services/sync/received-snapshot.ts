import type { Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { BodyReader } from './body-reader.js';
import type { HostReports } from './host-reports.js';
import type { SnapshotOrder, SnapshotTimes } from './order.js';
import type { SnapshotCache } from './snapshot-cache.js';

/** A snapshot that is being synced. */
export interface ReceivedSnapshot {
  hostId: string;
  reader: BodyReader;
  /** The snapshot's position in its agent's run. If it is null, snapshots are applied in order of arrival. */
  order: SnapshotOrder | null;
  times: SnapshotTimes;
  /** When the containers were listed, according to the host's clock. This time is recorded with the events. */
  eventsObservedAt: Date;
  /** If false, containers that the snapshot does not contain are left unchanged. */
  complete: boolean;
  /** The `dockerId`s of containers that an incomplete snapshot reports as removed. */
  removedIds: readonly string[];
  /** Digest of the body's bytes; null if unknown. */
  digest: string | null;
  /** Whether rows that match the digest are certainly what this version's parser would write. */
  isOwnDigest: boolean;
  usage: SnapshotUsage;
}

/** The work that a snapshot causes, whether or not it changes anything. */
export interface SnapshotUsage {
  /** Bytes of text that were read, after decompression. */
  textBytes: number;
  /** Bytes of the events that were written. */
  historyBytes: number;
}

/** The dependencies that all paths of a sync share. */
export interface SyncParts {
  db: Database;
  cadence: Cadence;
  cache: SnapshotCache;
  reports: HostReports;
  /** Returns a random number from 0 to 1, like Math.random. The number spreads retries over time. */
  random: () => number;
}
