import { Prisma } from '@muster/db';

/**
 * Records that a host's agent called. Use this only for calls that write nothing else to the host's row. Keeps a later
 * timestamp that a concurrent call wrote, but replaces a timestamp far in the future, because such a timestamp comes
 * from a wrong clock. Writes nothing if another transaction has locked the host's row, because waiting would occupy a
 * connection.
 */
export async function recordAgentCall(
  prisma: Pick<Prisma.TransactionClient, '$executeRaw'>,
  hostId: string,
  at: Date,
): Promise<void> {
  await prisma.$executeRaw`
    WITH locked AS (
      SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET "lastSeenAt" = ${laterOf(at)}
    FROM locked
    WHERE hosts.id = locked.id AND "deletedAt" IS NULL`;
}

/**
 * Locks the host's row until the transaction ends, and records that the host's agent called. Waits for the lock.
 * `heartbeatSeconds` is the interval that the response requests; null if the response requests no interval.
 */
export async function lockForAgentCall(
  tx: Prisma.TransactionClient,
  hostId: string,
  at: Date,
  heartbeatSeconds: number | null = null,
): Promise<void> {
  await tx.$executeRaw`
    UPDATE hosts SET "lastSeenAt" = ${laterOf(at)},
      "heartbeatSeconds" = COALESCE(${heartbeatSeconds}::int, "heartbeatSeconds")
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL`;
}

const laterOf = (at: Date): Prisma.Sql => Prisma.sql`CASE
      WHEN "lastSeenAt" > ${at}::timestamptz AND "lastSeenAt" < ${at}::timestamptz + INTERVAL '1 minute'
      THEN "lastSeenAt" ELSE ${at}::timestamptz END`;
