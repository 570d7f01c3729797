import { describe, expect, test } from '@jest/globals';
import { DatabaseReadOnlyError, isReadOnly, isTimeout, isUnavailable, openDatabase } from '@muster/db';
import { createEmptyServerDatabase, PATIENT, serverOnly } from '@muster/db/testing';
import { eventually, startPostgresCluster } from '@muster/testkit';
import pg from 'pg';

// These tests freeze and kill a server. The embedded database has no server, because it runs in the process of the
// tests.
serverOnly(describe).each(['postgresql'] as const)('a server in trouble (%s)', () => {
  const failure = (attempt: Promise<unknown>) => attempt.then(() => null).catch((error: unknown) => error);

  test('fails every call in bounded time while it is frozen, and then works again', async () => {
    const cluster = await startPostgresCluster();
    const options = { connectTimeoutMs: 300, queryTimeoutMs: 600 };
    const database = await eventually(() => openDatabase({ url: cluster.url }, options));
    try {
      await eventually(() => database.ping());
      await cluster.freeze();
      const { prisma } = database;
      const attempts = [
        database.ping(),
        prisma.organization.count(),
        prisma.$queryRaw`SELECT 1`,
        prisma.$transaction(async (tx) => tx.organization.count()),
        prisma.$transaction([prisma.organization.count()]),
      ];
      for (const error of await Promise.all(attempts.map(failure))) expect(isUnavailable(error)).toBe(true);
      await cluster.unfreeze();
      // On a busy machine, a single call can exceed these short timeouts.
      await eventually(() => database.ping());
      await eventually(async () => expect(await prisma.organization.count()).toBe(0));
      const transaction = () => prisma.$transaction(async (tx) => tx.organization.count());
      await eventually(async () => expect(await transaction()).toBe(0));
    } finally {
      await cluster.unfreeze();
      await database.close();
      await cluster.stop();
    }
  });

  test('fails queries immediately after the first timeout until it responds again', async () => {
    const cluster = await startPostgresCluster();
    const options = { poolMax: 2, queryTimeoutMs: 1_000 };
    const database = await eventually(() => openDatabase({ url: cluster.url }, options));
    try {
      await eventually(() => Promise.all([database.ping(), database.ping()]));
      await cluster.freeze();
      // Two queries have a connection, and two queries wait for a connection.
      await Promise.all([1, 2, 3, 4].map(() => failure(database.ping())));
      const durations: number[] = [];
      const measuredFailure = async (query: () => Promise<unknown>) => {
        const startedAt = performance.now();
        expect(isTimeout(await failure(query()))).toBe(true);
        durations.push(performance.now() - startedAt);
      };
      for (let i = 0; i < 20; i++) await measuredFailure(() => database.ping());
      await measuredFailure(() => database.prisma.organization.count());
      // If the queries waited for the frozen server, each would take at least a second.
      expect(durations.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(10_000);
      expect(durations.sort((a, b) => a - b)[10]).toBeLessThan(500);
      await cluster.unfreeze();
      await eventually(() => database.ping());
    } finally {
      await cluster.unfreeze();
      await database.close();
      await cluster.stop();
    }
  });

  test('causes only one timeout if it freezes in the middle of a transaction', async () => {
    const cluster = await startPostgresCluster();
    const queryTimeoutMs = 3_000;
    const database = await openDatabase({ url: cluster.url }, { connectTimeoutMs: 60_000, queryTimeoutMs });
    let unfrozen: Promise<void> | undefined;
    const ended = database.prisma.$transaction(
      async (tx) => {
        await tx.organization.count();
        await cluster.freeze();
        await failure(tx.organization.count());
        const startedAt = performance.now();
        const error = await failure(tx.organization.count());
        return { error, ms: performance.now() - startedAt };
      },
      { timeout: 60_000 },
    );
    try {
      const outcome = await ended.catch((error: unknown) => ({ error, ms: 0 }));
      expect(isUnavailable(outcome.error)).toBe(true);
      expect(outcome.ms).toBeLessThan(queryTimeoutMs);
      await (unfrozen = cluster.unfreeze());
      await eventually(() => database.ping());
      await eventually(async () => expect(await database.prisma.organization.count()).toBe(0));
    } finally {
      await (unfrozen ?? cluster.unfreeze());
      await database.close();
      await cluster.stop();
    }
  });

  test('is unavailable after it was killed, and the same pool works again after a restart', async () => {
    const cluster = await startPostgresCluster({ durable: true });
    const database = await openDatabase({ url: cluster.url }, PATIENT);
    try {
      await database.prisma.organization.create({ data: { id: 'a', name: 'a', slug: 'a' } });
      await cluster.crash();
      expect(isUnavailable(await failure(database.ping()))).toBe(true);
      expect(isTimeout(await failure(database.prisma.organization.count()))).toBe(true);
      await cluster.restart();
      await eventually(async () => expect(await database.prisma.organization.count()).toBe(1));
    } finally {
      await database.close();
      await cluster.stop();
    }
  });

  test('is not reported as unavailable if the query itself is wrong', async () => {
    const cluster = await startPostgresCluster();
    const database = await openDatabase({ url: cluster.url }, PATIENT);
    try {
      for (const sql of ['SELECT 1 / 0', 'SELEC 1', 'SELECT * FROM nowhere']) {
        expect(isUnavailable(await failure(database.prisma.$queryRawUnsafe(sql)))).toBe(false);
      }
    } finally {
      await database.close();
      await cluster.stop();
    }
  });
});

// No other connection can make the embedded database read-only.
serverOnly(describe).each(['postgresql'] as const)('a read-only server (%s)', () => {
  const failure = (attempt: Promise<unknown>) => attempt.then(() => null).catch((error: unknown) => error);
  const organization = { name: 'o', slug: 'o' };

  /** Opens a database that the test can make read-only for new connections. Existing connections keep their mode. */
  async function openSwitchableDatabase() {
    const { url, drop } = await createEmptyServerDatabase();
    const database = await openDatabase({ url }, { ...PATIENT, poolMax: 3 });
    const name = new URL(url).pathname.slice(1);
    const admin = new pg.Client({ connectionString: url });
    admin.on('error', () => undefined);
    await admin.connect();
    return {
      url,
      database,
      demote: async () => {
        await admin.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
        await admin.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
          [name],
        );
      },
      promote: () => admin.query(`ALTER DATABASE "${name}" RESET default_transaction_read_only`),
      close: async () => {
        await admin.end();
        await database.close();
        await drop();
      },
    };
  }

  test('fails every kind of call, and works again once a new connection accepts writes', async () => {
    const { database, demote, promote, close } = await openSwitchableDatabase();
    const { prisma } = database;
    const writes = (id: string) => [
      () => prisma.organization.create({ data: { id, ...organization, slug: id } }),
      () => prisma.$transaction(async (tx) => tx.organization.create({ data: { id, ...organization, slug: id } })),
      () => prisma.$transaction([prisma.organization.create({ data: { id, ...organization, slug: id } })]),
      () =>
        prisma.$executeRaw`INSERT INTO organizations (id, name, slug, "createdAt") VALUES (${id}, 'o', ${id}, now())`,
      () =>
        database.query(
          { name: 'test', text: 'INSERT INTO organizations (id, name, slug, "createdAt") VALUES ($1, $1, $1, now())' },
          [id],
        ),
    ];
    try {
      await demote();
      await eventually(async () => expect(isReadOnly(await failure(database.ping()))).toBe(true));
      for (const write of writes('refused')) {
        const error = await failure(write());
        expect([isReadOnly(error), isUnavailable(error), isTimeout(error)]).toEqual([true, true, false]);
      }
      // Several writes run concurrently, so that a write is rejected on every connection of the pool.
      await Promise.all([1, 2, 3].map(() => failure(writes('refused')[1]!())));
      await promote();
      for (const [i, write] of writes('x').entries()) {
        await prisma.organization.deleteMany();
        expect([i, await failure(write())]).toEqual([i, null]);
      }
      await database.ping();
    } finally {
      await close();
    }
  });

  test('fails the start with advice', async () => {
    const { url, demote, close } = await openSwitchableDatabase();
    try {
      await demote();
      const error = (await failure(openDatabase({ url }, PATIENT))) as Error;
      expect(error).toBeInstanceOf(DatabaseReadOnlyError);
      expect(error.message).toMatch(
        /^The database postgresql:\/\/\S+ is read-only\. .* set DATABASE_URL to the primary/,
      );
    } finally {
      await close();
    }
  });
});
