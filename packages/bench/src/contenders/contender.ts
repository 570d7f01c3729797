import type { Container } from '@muster/contracts';

/** A snapshot, as a contender receives it. */
export interface Delivery {
  hostId: string;
  containers: Container[];
  /** Number of containers that differ from the previous snapshot, including added and removed containers. */
  changes: number;
  /** The request body that an agent would send for these containers. */
  body: Buffer;
  sequence: number;
  observedAt: Date;
}

/** One of the compared implementations that store snapshots in the database. */
export interface Contender {
  readonly id: ContenderId;
  /**
   * Stores a host's snapshot, and marks the host as seen. The row of a container that is missing from the snapshot
   * stays, and is marked as exited and removed.
   */
  deliver(delivery: Delivery): Promise<void>;
  close(): Promise<void>;
}

/**
 * The contenders' names in results. `statement` is one hand-written SQL statement. `statement-history` also writes
 * history.
 */
export const CONTENDER_IDS = ['upserts', 'statement', 'statement-history', 'muster'] as const;
export type ContenderId = (typeof CONTENDER_IDS)[number];
