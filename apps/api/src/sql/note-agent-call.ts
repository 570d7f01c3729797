import type { Prisma } from '@muster/db';

/**
 * Notes that a host's agent called, where the call writes nothing else of the host: it was refused, or it was about
 * something else. A later call that was noted first stays.
 */
export async function noteAgentCall(
  prisma: Pick<Prisma.TransactionClient, '$executeRaw'>,
  hostId: string,
  at: Date,
): Promise<void> {
  await prisma.$executeRaw`
    UPDATE hosts SET "lastSeenAt" = GREATEST("lastSeenAt", ${at}::timestamptz)
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL`;
}
