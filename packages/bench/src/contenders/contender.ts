import type { Container } from '@muster/contracts';

/** A snapshot, as a contender receives it. */
export interface Delivery {
  hostId: string;
  containers: Container[];
  /** The containers as the bytes that an agent would send. */
  body: Buffer;
  stream: string;
  sequence: number;
  observedAt: Date;
}

/** One way to make the database equal to snapshots. */
export interface Contender {
  readonly id: ContenderId;
  /** Makes a host's rows equal to the snapshot, marks other containers exited and removed, and the host as seen. */
  deliver(delivery: Delivery): Promise<void>;
  close(): Promise<void>;
}

/** The names of the contenders in reports. */
export const CONTENDER_NAMES = {
  upserts: 'obvious implementation: upserts in prisma.$transaction',
  rows: 'row loop: prepared statements on pg',
  statement: 'one hand-written statement on pg, without history',
  'statement-history': 'one hand-written statement on pg, with history',
  muster: 'Muster: syncContainers',
} as const;
export type ContenderId = keyof typeof CONTENDER_NAMES;
export const CONTENDER_IDS = Object.keys(CONTENDER_NAMES) as ContenderId[];
