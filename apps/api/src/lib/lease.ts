import { Prisma, type Database } from '@muster/db';

/**
 * A named lease in the database, held by at most one process at a time.
 *
 * The lease expires according to the database's clock, so the clocks of processes do not matter. A holder that was
 * paused or disconnected may not notice that its lease has expired. Writes that require the lease must therefore
 * contain `confirmation`.
 */
export interface Lease {
  /**
   * Acquires the lease if no process holds it, or renews the lease if this process holds it. Resolves with true if this
   * process holds the lease for the next `ttlMs`. A lost lease is acquired again under a new epoch. Rejects if the
   * database does not respond.
   */
  acquire(): Promise<boolean>;

  /** Renews the lease. Resolves with false if the lease is lost, that is, if another process may have acquired it. */
  renew(): Promise<boolean>;

  /** Returns, without a query, the milliseconds for which the lease is certainly held. 0: the lease may be lost. */
  remainingMs(): number;

  /**
   * Returns a query that selects one row if this process still holds the lease, and no row otherwise. The result is
   * valid until the transaction ends, because no other process can acquire the lease until then. Use the query as a CTE
   * of the writing statement. If it were a separate statement, a process that freezes between the two statements would
   * keep the lease's row locked.
   */
  confirmation(): Prisma.Sql;

  /** Releases the lease, so that another process need not wait until it expires. */
  release(): Promise<void>;

  /**
   * The number of this process's current tenure; null if this process does not hold the lease. The number increases
   * with each tenure of any process. The number is derived from the time, so that no number is used twice, even if a
   * failover or a restore makes the database lose the commit that acquired the lease.
   */
  readonly epoch: bigint | null;
}

export interface LeaseOptions {
  /** The name of the lease. At most one process holds the lease with this name at a time. */
  name: string;
  /** Milliseconds after which the lease of a crashed holder expires. */
  ttlMs: number;
  /** Milliseconds of a monotonic clock. */
  elapsedMs?: () => number;
}

/** Creates this process's handle for a lease. Does not acquire the lease. */
export function createLease(
  { prisma }: Pick<Database, 'prisma'>,
  { name, ttlMs, elapsedMs = () => performance.now() }: LeaseOptions,
): Lease {
  let epoch: bigint | null = null;
  let heldUntil = -Infinity;

  /**
   * Sets the local state. `since` is read before the query, so that the lease expires here no later than in the
   * database.
   */
  function setTenure(heldEpoch: bigint | undefined, since: number): boolean {
    epoch = heldEpoch ?? null;
    heldUntil = heldEpoch === undefined ? -Infinity : since + ttlMs;
    return heldEpoch !== undefined;
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
    // Acquiring the lease updates the row, so FOR SHARE makes another process wait until this transaction has ended.
    confirmation: () => Prisma.sql`
      SELECT 1 FROM leases
      WHERE name = ${name} AND epoch = ${epoch}::bigint AND "expiresAt" > clock_timestamp() FOR SHARE`,
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
