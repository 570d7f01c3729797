import { Prisma, type Database } from '@muster/db';
import type { SnapshotOrder, SnapshotTimes } from '../domain/order.js';
import { orderTest, takeOrder } from './host-order.js';

export interface Confirmed {
  revision: number;
  digest: string;
  containerCount: number;
}

/**
 * Takes a complete snapshot whose body is, byte for byte, the one that the host's rows equal: liveness and order are
 * all that is written, by one row update that no index has to follow. Null: the digest is another one, the order
 * does not allow it, or the host is gone; which of them, a full sync finds out.
 */
export async function confirmUnchanged(
  { prisma }: Database,
  hostId: string,
  digest: string,
  order: SnapshotOrder | null,
  times: SnapshotTimes,
): Promise<Confirmed | null> {
  const [confirmed] = await prisma.$queryRaw<Confirmed[]>(Prisma.sql`
    UPDATE hosts SET
      "lastSeenAt" = ${times.receivedAt}::timestamptz,
      "confirmedAt" = ${times.receivedAt}::timestamptz,
      "engineError" = NULL,
      ${takeOrder(order, times)}
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL AND digest = ${digest} AND ${orderTest(order, times)}
    RETURNING revision, digest, "containerCount"`);
  return confirmed ?? null;
}
