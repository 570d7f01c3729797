import { describe, expect, test } from '@jest/globals';
import { transact, type Database, type DatabaseEngine, type Statement } from '@muster/db';
import { createTestDatabase, serverOnly, type TestDatabase } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import pg from 'pg';
import { createHost } from './fixtures.js';

/** A statement that waits until the test releases a lock. */
const SLOW: Statement = { name: 'slow', text: 'SELECT pg_advisory_xact_lock_shared(1)' };
const SMALL: Statement = { name: 'small', isSmall: true, text: 'SELECT 1' };
const ORDINARY: Statement = { name: 'ordinary', text: 'SELECT 2' };

/** Runs statements and records their names in the order in which they finish. */
function recordOrder() {
  const ended: string[] = [];
  const run = (name: string, statement: Promise<unknown>) => statement.then(() => void ended.push(name));
  return { ended, run };
}

async function usingDatabase(engine: DatabaseEngine, action: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createTestDatabase(engine);
  try {
    await action(database);
  } finally {
    await database.close();
  }
}

test('the only connection of the embedded database serves small statements first', () =>
  usingDatabase('pglite', async (database) => {
    const { ended, run } = recordOrder();
    const ordinary = Array.from({ length: 5 }, () => run('ordinary', database.query(ORDINARY, [])));
    await run('small', database.query(SMALL, []));
    expect(ended.length).toBeLessThanOrEqual(2);
    await Promise.all(ordinary);
    expect(ended).toHaveLength(6);
  }));

// The embedded database has only one connection, so none can be reserved.
serverOnly(describe)('the connections to a server', () => {
  const withDatabase = (action: (database: Database) => Promise<void>) => usingDatabase('postgresql', action);

  /** Runs an action on a database on which slow statements wait until the action calls `release`. */
  const withSlowStatements = (action: (database: Database, release: () => Promise<unknown>) => Promise<void>) =>
    usingDatabase('postgresql', async (database) => {
      const holder = new pg.Client({ connectionString: database.url! });
      await holder.connect();
      try {
        await holder.query('SELECT pg_advisory_lock(1)');
        await action(database, () => holder.query('SELECT pg_advisory_unlock(1)'));
      } finally {
        await holder.end();
      }
    });

  test('are partly reserved for small statements, which never wait for large statements', () =>
    withSlowStatements(async (database, release) => {
      const { ended, run } = recordOrder();
      const slow = Array.from({ length: 12 }, () => run('slow', database.query(SLOW, [])));
      await Promise.all([run('small', database.query(SMALL, [])), run('ping', database.ping())]);
      expect(new Set(ended)).toEqual(new Set(['small', 'ping']));
      expect(database.connections().max).toBe(10);
      await release();
      await Promise.all(slow);
    }));

  test('are only partly available to long statements', () =>
    withSlowStatements(async (database, release) => {
      const { ended, run } = recordOrder();
      const longStatements = Array.from({ length: 6 }, () => run('long', database.queryWithTimeout(SLOW, [], 5_000)));
      await run('ordinary', database.query(ORDINARY, []));
      expect(ended).toEqual(['ordinary']);
      expect(database.connections()).toMatchObject({ busy: 3, waiting: 0 });
      await release();
      await Promise.all(longStatements);
    }));

  test('are not held by a transaction that waits for a locked row', () =>
    withDatabase(async (database) => {
      const id = await createHost(database, 'held');
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      let isHeld: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (isHeld = resolve));
      const holding = database.prisma.$transaction(
        async (tx) => {
          await tx.host.update({ where: { id }, data: { name: 'first' } });
          isHeld();
          await released;
        },
        { timeout: 60_000 },
      );
      await held;
      const waiting = transact(database, (tx) => tx.host.update({ where: { id }, data: { name: 'then' } }));
      try {
        await eventually(() => expect(database.connections().busy).toBe(2), 30_000, 2);
        // The transaction is between two attempts about half of the time.
        await eventually(() => expect(database.connections().busy).toBe(1), 30_000, 2);
      } finally {
        release();
        await Promise.all([holding, waiting]);
      }
      expect((await database.prisma.host.findUniqueOrThrow({ where: { id } })).name).toBe('then');
    }));
});
