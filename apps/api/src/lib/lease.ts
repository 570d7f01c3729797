import type { Database, Prisma } from '@muster/db';

/**
 * A named lease in the database, held by at most one process at a time.
 *
 * It expires by the database's clock, so no process's clock matters. A holder that was paused or lost its connection
 * can outlive its lease without noticing. Writes that need the lease must therefore be in a transaction that calls
 * `confirm`.
 */
export interface Lease {
  /**
   * Takes the lease if no one holds it, or renews it if this process does. True: it is held for the next `ttlMs`. A
   * lost lease is taken again under a new epoch. Rejects if the database does not answer.
   */
  acquire(): Promise<boolean>;

  /** Renews the lease. False if it was lost: another process may have held it since. */
  renew(): Promise<boolean>;

  /** Returns the milliseconds for which the lease is certainly held, without a query; 0: it may be lost. */
  remainingMs(): number;

  /**
   * Whether this process still holds the lease. The answer is valid until the transaction ends, because no other
   * process can take the lease before. A transaction that gets false must write nothing.
   */
  confirm(tx: Prisma.TransactionClient): Promise<boolean>;

  /** Releases the lease, so that another process need not wait until it expires. */
  release(): Promise<void>;

  /**
   * The number of this process's current tenure; null: none. It rises with each new tenure. It is a time, so it is not
   * reused if the database loses the commit that took the lease (failover, restore).
   */
  readonly epoch: bigint | null;
}

export interface LeaseOptions {
  /** At most one process holds a name. */
  name: string;
  /** Milliseconds after which the lease of a crashed holder expires. */
  ttlMs: number;
  /** Milliseconds of a monotonic clock. */
  elapsedMs?: () => number;
}

/** Creates this process's handle of a lease. It holds nothing until `acquire`. */
export function createLease(
  { prisma }: Pick<Database, 'prisma'>,
  { name, ttlMs, elapsedMs = () => performance.now() }: LeaseOptions,
): Lease {
  let epoch: bigint | null = null;
  let heldUntil = -Infinity;

  /** `since` is read before the query, so that the lease expires here no later than in the database. */
  function setTenure(held: bigint | undefined, since: number): boolean {
    epoch = held ?? null;
    heldUntil = held === undefined ? -Infinity : since + ttlMs;
    return held !== undefined;
  }

  async function renew(): Promise<boolean> {
    if (epoch === null) return false;
    const since = elapsedMs();
    // An expired lease can be renewed as long as no other process took it.
    const [row] = await prisma.$queryRaw<{ epoch: bigint }[]>`
      UPDATE leases SET "expiresAt" = clock_timestamp() + ${ttlMs}::float8 * interval '1 ms'
      WHERE name = ${name} AND epoch = ${epoch} RETURNING epoch`;
    return setTenure(row?.epoch, since);
  }

  async function takeIfExpired(): Promise<boolean> {
    const since = elapsedMs();
    const [row] = await prisma.$queryRaw<{ epoch: bigint }[]>`
      INSERT INTO leases AS l (name, epoch, "expiresAt")
      VALUES (${name}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + ${ttlMs}::float8 * interval '1 ms')
      ON CONFLICT (name) DO UPDATE SET epoch = greatest(l.epoch + 1, EXCLUDED.epoch), "expiresAt" = EXCLUDED."expiresAt"
      WHERE l."expiresAt" <= clock_timestamp() RETURNING epoch`;
    return setTenure(row?.epoch, since);
  }

  return {
    acquire: async () => (await renew()) || (await takeIfExpired()),
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
      setTenure(undefined, 0);
      if (held === null) return;
      await prisma.$executeRaw`
        UPDATE leases SET "expiresAt" = clock_timestamp() WHERE name = ${name} AND epoch = ${held}`;
    },
    get epoch() {
      return epoch;
    },
  };
}
