import type { Database } from '@muster/db';
import { randomUUID } from 'node:crypto';

/** Milliseconds between two records of a process. */
const RECORD_INTERVAL_MS = 10_000;

/** Milliseconds for which a process is listed after its last record. */
export const REPLICA_LISTED_MS = 60_000;

/** Milliseconds after which the row of a process that ended without a shutdown is deleted. */
const ROW_KEPT_MS = 24 * 3_600_000;

/** The record of this process in the database, from which `/api/system` lists the replicas. */
export interface ReplicaRecord {
  /** Milliseconds between two calls of `record`. */
  readonly intervalMs: number;
  /** Records that this process is running. Also deletes the rows of processes that ended long ago. */
  record(): Promise<void>;
  /** Deletes the record. Call this method when the process shuts down. */
  remove(): Promise<void>;
}

/** Creates the record of this process, which has just started. Writes nothing. */
export function createReplicaRecord(
  { prisma }: Pick<Database, 'prisma'>,
  { version, parserVersion, now }: { version: string; parserVersion: string; now: () => Date },
): ReplicaRecord {
  const id = randomUUID();
  const startedAt = now();
  return {
    intervalMs: RECORD_INTERVAL_MS,
    async record() {
      const lastSeenAt = now();
      await prisma.replica.upsert({
        where: { id },
        create: { id, version, parserVersion, startedAt, lastSeenAt },
        update: { lastSeenAt },
      });
      await prisma.replica.deleteMany({ where: { lastSeenAt: { lt: new Date(lastSeenAt.getTime() - ROW_KEPT_MS) } } });
    },
    async remove() {
      await prisma.replica.deleteMany({ where: { id } });
    },
  };
}
