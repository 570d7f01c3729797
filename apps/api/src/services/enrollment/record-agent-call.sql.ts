import { Prisma } from '@muster/db';

/**
 * Notes that a host's agent called, where the call writes nothing else of the host: it was refused, or it was about
 * something else. A later call that was noted first stays; an instant that lies further ahead is of a wrong clock, and
 * does not. Where another transaction holds the host's row, nothing is written: a wait for it would hold a connection.
 */
export async function noteAgentCall(
  prisma: Pick<Prisma.TransactionClient, '$executeRaw'>,
  hostId: string,
  at: Date,
): Promise<void> {
  await prisma.$executeRaw`
    WITH locked AS (
      SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET "lastSeenAt" = ${later(at)}
    FROM locked
    WHERE hosts.id = locked.id AND "deletedAt" IS NULL`;
}

/**
 * The same in a transaction that needs the lock on the host: it waits for it. `heartbeatSeconds`: what the answer asks
 * for, if it does.
 */
export async function lockForAgentCall(
  tx: Prisma.TransactionClient,
  hostId: string,
  at: Date,
  heartbeatSeconds: number | null = null,
): Promise<void> {
  await tx.$executeRaw`
    UPDATE hosts SET "lastSeenAt" = ${later(at)},
      "heartbeatSeconds" = COALESCE(${heartbeatSeconds}::int, "heartbeatSeconds")
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL`;
}

const later = (at: Date): Prisma.Sql => Prisma.sql`CASE
      WHEN "lastSeenAt" > ${at}::timestamptz AND "lastSeenAt" < ${at}::timestamptz + INTERVAL '1 minute'
      THEN "lastSeenAt" ELSE ${at}::timestamptz END`;
