import { describe, expect, test } from '@jest/globals';
import type { Prisma } from '@muster/db';
import { serverOnly, testEngines } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import { randomUUID } from 'node:crypto';
import { createLease, type Lease } from '../src/lib/lease.js';
import { useApi } from './harness.js';

const LONG_MS = 600_000;

/** Returns whether a statement that contains the confirmation of the lease would write. */
const isConfirmed = async (db: Pick<Prisma.TransactionClient, '$queryRaw'>, lease: Lease): Promise<boolean> =>
  (await db.$queryRaw<unknown[]>(lease.confirmation())).length > 0;

describe.each(testEngines())('a lease on %s', (engine) => {
  const context = useApi(engine);
  const create = (name: string, ttlMs = LONG_MS, elapsedMs?: () => number) =>
    createLease(context.api.db, { name, ttlMs, ...(elapsedMs ? { elapsedMs } : {}) });
  /** Makes a lease expire in the database, as if its time had passed. */
  const expire = (name: string) =>
    context.api.db.prisma.$executeRaw`
      UPDATE leases SET "expiresAt" = clock_timestamp() - interval '1 ms' WHERE name = ${name}`;

  test('is acquired by only one of many concurrent processes, and each name is a separate lease', async () => {
    const name = randomUUID();
    const processes = Array.from({ length: 10 }, () => create(name));
    const outcomes = await Promise.all(processes.map((lease) => lease.acquire()));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    const holder = processes[outcomes.indexOf(true)]!;
    expect(await holder.acquire()).toBe(true);
    expect(holder.epoch).not.toBeNull();
    expect(await create(randomUUID()).acquire()).toBe(true);
  });

  test('passes to another process when its holder releases it, and only then', async () => {
    const name = randomUUID();
    const [one, two] = [create(name), create(name)];
    expect(await one.acquire()).toBe(true);
    const first = one.epoch!;
    expect(await two.acquire()).toBe(false);
    await two.release();
    expect(await one.renew()).toBe(true);
    await one.release();
    expect(one.remainingMs()).toBe(0);
    expect(await one.renew()).toBe(false);
    expect(await two.acquire()).toBe(true);
    expect(two.epoch).toBeGreaterThan(first);
  });

  test('can be acquired after its holder has crashed, but only after it has expired by the database’s clock', async () => {
    const name = randomUUID();
    const [crashed, next] = [create(name), create(name)];
    expect(await crashed.acquire()).toBe(true);
    expect(await next.acquire()).toBe(false);
    const [row] = await context.api.db.prisma.$queryRaw<{ expiresAt: Date }[]>`
      UPDATE leases SET "expiresAt" = clock_timestamp() + interval '300 ms' WHERE name = ${name} RETURNING "expiresAt"`;
    await eventually(async () => expect(await next.acquire()).toBe(true), 30_000, 10);
    // The database’s clock sets the new expiry, which shows when the lease was acquired.
    const acquired = await context.api.db.prisma.lease.findUniqueOrThrow({ where: { name } });
    expect(acquired.expiresAt.getTime() - LONG_MS).toBeGreaterThanOrEqual(row!.expiresAt.getTime());
  });

  test('is neither lost nor acquired early if the clocks of the processes differ', async () => {
    const name = randomUUID();
    let elapsed = 0;
    const holder = create(name, 1_000_000, () => elapsed);
    const ahead = create(name, 1_000_000, () => elapsed + 10 ** 9);
    expect(await holder.acquire()).toBe(true);
    expect(await ahead.acquire()).toBe(false);
    elapsed = 400_000;
    expect(holder.remainingMs()).toBe(600_000);
    elapsed = 2_000_000;
    // By its own clock, the holder could have lost the lease. By the database's clock, it still holds the lease.
    expect(holder.remainingMs()).toBe(0);
    expect(await ahead.acquire()).toBe(false);
    expect(await holder.renew()).toBe(true);
    expect(holder.remainingMs()).toBe(1_000_000);
  });

  test('prevents a paused holder from writing once another process has acquired the lease', async () => {
    const { db } = context.api;
    const name = randomUUID();
    const [paused, next] = [create(name), create(name)];
    const writes = (lease: typeof paused) => isConfirmed(db.prisma, lease);
    expect(await paused.acquire()).toBe(true);
    expect(await writes(paused)).toBe(true);
    expect(await writes(next)).toBe(false);

    await expire(name);
    expect(await writes(paused)).toBe(false);
    expect(await next.acquire()).toBe(true);
    // The paused process believes that it still holds the lease.
    expect(paused.remainingMs()).toBeGreaterThan(0);
    expect(await writes(paused)).toBe(false);
    expect(await writes(next)).toBe(true);
    expect(await paused.renew()).toBe(false);
    expect(paused.epoch).toBeNull();
    expect(await paused.acquire()).toBe(false);
  });

  test('is lost if the database loses the commit of its acquisition, and the next process becomes the only holder', async () => {
    const { db } = context.api;
    const name = randomUUID();
    const [before, next] = [create(name), create(name)];
    expect(await before.acquire()).toBe(true);
    // This is the state after a failover to a standby that had not received the commit.
    await db.prisma.$executeRaw`DELETE FROM leases WHERE name = ${name}`;
    expect(await next.acquire()).toBe(true);
    expect(await before.renew()).toBe(false);
    expect(await isConfirmed(db.prisma, before)).toBe(false);
    expect(await next.renew()).toBe(true);
  });

  test('can be renewed by its holder after it has expired, if no other process has acquired it', async () => {
    const name = randomUUID();
    const lease = create(name);
    await lease.acquire();
    const { epoch } = lease;
    await expire(name);
    expect(await lease.renew()).toBe(true);
    expect(lease.epoch).toBe(epoch);
  });
});

// The embedded database has one connection, so it runs one transaction at a time.
serverOnly(describe)('a lease on a server', () => {
  const context = useApi('postgresql');

  test('cannot be acquired by another process while the transaction of its holder is open', async () => {
    const { db } = context.api;
    const name = randomUUID();
    const [holder, next] = [createLease(db, { name, ttlMs: 300 }), createLease(db, { name, ttlMs: LONG_MS })];
    const order: string[] = [];
    let acquisition: Promise<unknown> = Promise.resolve();
    await db.prisma.$transaction(async (tx) => {
      // On a busy machine, the lease can expire before it is confirmed.
      await eventually(async () => {
        expect(await holder.acquire()).toBe(true);
        expect(await isConfirmed(tx, holder)).toBe(true);
      });
      // The lease expires before its holder commits.
      await new Promise((resolve) => setTimeout(resolve, 400));
      acquisition = next.acquire().then((isAcquired) => order.push(`taken ${isAcquired}`));
      await new Promise((resolve) => setTimeout(resolve, 300));
      order.push('written');
    });
    await acquisition;
    expect(order).toEqual(['written', 'taken true']);
  });
});
