import type { Container } from '@muster/contracts';

/** A snapshot, as a contender receives it. */
export interface Delivery {
  hostId: string;
  containers: Container[];
  /** Number of containers that differ from the previous snapshot, including added and removed ones. */
  changes: number;
  /** The containers as the bytes that an agent would send. */
  body: Buffer;
  stream: string;
  sequence: number;
  observedAt: Date;
}

/** One way to make the database equal to snapshots. */
export interface Contender {
  readonly id: ContenderId;
  /** Makes a host's rows equal to the snapshot, marks other rows exited and removed, and marks the host as seen. */
  deliver(delivery: Delivery): Promise<void>;
  close(): Promise<void>;
}

/** The contenders' names in results. `statement-history` is `statement`, a hand-written statement, with history. */
export const CONTENDER_IDS = ['upserts', 'rows', 'statement', 'statement-history', 'muster'] as const;
export type ContenderId = (typeof CONTENDER_IDS)[number];
