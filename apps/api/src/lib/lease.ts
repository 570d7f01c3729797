import type { Database, Prisma } from '@muster/db';

/**
 * A named lease in the database: one of all processes holds it at a time.
 *
 * It ends by the database's clock, so no process's clock matters. A holder that was paused, or whose connection was lost,
 * can outlive its lease without noticing: what it must not write then, it writes in a transaction that calls `confirm`.
 */
export interface Lease {
  /**
   * Takes the lease if no one holds it, or prolongs it if this process does; true: it is held for the next `ttlMs`. After
   * a loss it is taken again, under a new epoch. Rejects if the database does not answer.
   */
  acquire(): Promise<boolean>;

  /** Prolongs the lease. False if it was lost: then another process may have held it in the meantime. */
  renew(): Promise<boolean>;

  /** Milliseconds for which the lease is surely held, without asking the database; 0: it may be lost. */
  remainingMs(): number;

  /**
   * Whether this process still holds the lease; the answer holds until the end of the transaction, for no one else takes
   * the lease before. A transaction that gets false must write nothing.
   */
  confirm(tx: Prisma.TransactionClient): Promise<boolean>;

  /** Gives the lease back, so that another process need not wait for its end. */
  release(): Promise<void>;

  /**
   * The number of the holding that this process has; null: none. It rises with each new holding and is a time, so that it
   * does not come again where the database lost the commit that took the lease (a failover, a restore).
   */
  readonly epoch: bigint | null;
}

export interface LeaseOptions {
  /** At most one holder of a name. */
  name: string;
  /** Milliseconds after which the lease of a holder that crashed is free. */
  ttlMs: number;
  /** Milliseconds of a clock that is never set. */
  elapsedMs?: () => number;
}

/** Creates this process's side of a lease. It holds nothing until `acquire`. */
export function createLease(
  { prisma }: Pick<Database, 'prisma'>,
  { name, ttlMs, elapsedMs = () => performance.now() }: LeaseOptions,
): Lease {
  let epoch: bigint | null = null;
  let heldUntil = -Infinity;

  /** `since`: before the database was asked, so that the lease here ends no later than there. */
  function hold(held: bigint | undefined, since: number): boolean {
    epoch = held ?? null;
    heldUntil = held === undefined ? -Infinity : since + ttlMs;
    return held !== undefined;
  }

  async function renew(): Promise<boolean> {
    if (epoch === null) return false;
    const since = elapsedMs();
    // An end that has passed does not matter as long as no one took the lease.
    const [row] = await prisma.$queryRaw<{ epoch: bigint }[]>`
      UPDATE leases SET "expiresAt" = clock_timestamp() + ${ttlMs}::float8 * interval '1 ms'
      WHERE name = ${name} AND epoch = ${epoch} RETURNING epoch`;
    return hold(row?.epoch, since);
  }

  async function take(): Promise<boolean> {
    const since = elapsedMs();
    const [row] = await prisma.$queryRaw<{ epoch: bigint }[]>`
      INSERT INTO leases AS l (name, epoch, "expiresAt")
      VALUES (${name}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + ${ttlMs}::float8 * interval '1 ms')
      ON CONFLICT (name) DO UPDATE SET epoch = greatest(l.epoch + 1, EXCLUDED.epoch), "expiresAt" = EXCLUDED."expiresAt"
      WHERE l."expiresAt" <= clock_timestamp() RETURNING epoch`;
    return hold(row?.epoch, since);
  }

  return {
    acquire: async () => (await renew()) || (await take()),
    renew,
    remainingMs: () => Math.max(0, heldUntil - elapsedMs()),
    async confirm(tx) {
      if (epoch === null) return false;
      // FOR SHARE: taking the lease updates the row, so another process waits for this transaction.
      const rows = await tx.$queryRaw<unknown[]>`
        SELECT 1 FROM leases WHERE name = ${name} AND epoch = ${epoch} AND "expiresAt" > clock_timestamp() FOR SHARE`;
      return rows.length > 0;
    },
    async release() {
      const held = epoch;
      hold(undefined, 0);
      if (held === null) return;
      await prisma.$executeRaw`
        UPDATE leases SET "expiresAt" = clock_timestamp() WHERE name = ${name} AND epoch = ${held}`;
    },
    get epoch() {
      return epoch;
    },
  };
}
