import type { Container } from '@muster/contracts';

/** A snapshot as it reaches a contender. */
export interface Delivery {
  hostId: string;
  containers: Container[];
  /** The same as the bytes that an agent would send. */
  body: Buffer;
  /** Whether it differs from the host's last one, which its sender knows. */
  changed: boolean;
  stream: string;
  sequence: number;
  observedAt: Date;
}

/** One way to make the database equal to snapshots. */
export interface Contender {
  readonly id: ContenderId;
  /**
   * Makes a host's rows equal to the snapshot: what it names is there, what it does not name is marked exited and
   * removed, and the host is marked as seen.
   */
  deliver(delivery: Delivery): Promise<void>;
  close(): Promise<void>;
}

export const CONTENDER_IDS = ['upserts', 'rows', 'statement', 'statement-history', 'muster'] as const;
export type ContenderId = (typeof CONTENDER_IDS)[number];

/** The names of the contenders in reports. */
export const CONTENDER_NAMES: Readonly<Record<ContenderId, string>> = {
  upserts: 'obvious implementation: upserts in prisma.$transaction',
  rows: 'row loop: prepared statements on pg',
  statement: 'one hand-written statement on pg, without history',
  'statement-history': 'one hand-written statement on pg, with history',
  muster: 'Muster: syncContainers',
};
