import { describe, expect, test } from '@jest/globals';
import { isSerializationFailure, isTimeout, isUnavailable, transact, type Database } from '@muster/db';
import { createTestDatabase, serverOnly, testEngines } from '@muster/db/testing';
import { createHost, rejectionOf } from './fixtures.js';

describe.each(testEngines())('a transaction on %s', (engine) => {
  const withDatabase = async (action: (database: Database) => Promise<void>): Promise<void> => {
    const database = await createTestDatabase(engine);
    try {
      await action(database);
    } finally {
      await database.close();
    }
  };

  /** Makes PostgreSQL raise a serialization failure. */
  const RAISE = `DO $$ BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$`;

  test('is repeated from its beginning if it was rolled back', () =>
    withDatabase(async (database) => {
      let attempts = 0;
      const id = await transact(database, async (tx) => {
        attempts += 1;
        const created = await tx.organization.create({ data: { id: 'a', name: 'a', slug: 'a' } });
        if (attempts < 3) await tx.$executeRawUnsafe(RAISE);
        return created.id;
      });
      expect([id, attempts, await database.prisma.organization.count()]).toEqual(['a', 3, 1]);
    }));

  test('fails after five rollbacks, or after the first other error', () =>
    withDatabase(async (database) => {
      let attempts = 0;
      const always = (sql: string) =>
        rejectionOf(
          transact(
            database,
            async (tx) => {
              attempts += 1;
              await tx.$executeRawUnsafe(sql);
            },
            { random: () => 0 },
          ),
        );
      expect(isSerializationFailure(await always(RAISE))).toBe(true);
      expect(attempts).toBe(5);
      expect(isSerializationFailure(await always('SELECT 1 / 0'))).toBe(false);
      expect(attempts).toBe(6);
    }));
});

// The embedded database has only one connection, so its transactions cannot deadlock.
serverOnly(describe).each(['postgresql'] as const)('concurrent transactions on %s', (engine) => {
  test('all succeed after a deadlock', async () => {
    const database = await createTestDatabase(engine);
    try {
      const hosts = [await createHost(database, 'one'), await createHost(database, 'two')];
      let arrived = 0;
      let bothArrived: () => void = () => undefined;
      const barrier = new Promise<void>((resolve) => (bothArrived = resolve));
      let attempts = 0;
      const crosswise = (first: string, second: string) =>
        transact(database, async (tx) => {
          attempts += 1;
          await tx.host.update({ where: { id: first }, data: { revision: { increment: 1 } } });
          arrived += 1;
          if (arrived === 2) bothArrived();
          await barrier;
          await tx.host.update({ where: { id: second }, data: { revision: { increment: 1 } } });
        });
      await Promise.all([crosswise(hosts[0]!, hosts[1]!), crosswise(hosts[1]!, hosts[0]!)]);
      expect(attempts).toBeGreaterThan(2);
      const rows = await database.prisma.host.findMany({ select: { revision: true } });
      expect(rows).toEqual([{ revision: 2 }, { revision: 2 }]);
    } finally {
      await database.close();
    }
  });

  test('fail with a timeout, which counts as unavailable, if they exceed the statement timeout', async () => {
    const database = await createTestDatabase(engine, { statementTimeoutMs: 100 });
    try {
      const error = await rejectionOf(database.prisma.$queryRaw`SELECT pg_sleep(5)::text`);
      expect([isTimeout(error), isUnavailable(error)]).toEqual([true, true]);
    } finally {
      await database.close();
    }
  });
});
