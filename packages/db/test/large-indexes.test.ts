/** Tests migrations of a database that is in use: which statements they block, and how they build large indexes. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@muster/testkit';
import { randomUUID } from 'node:crypto';
import pg from 'pg';

import { MigrationFailedError } from '../src/errors.js';
import { applyMigrations, type MigrationWait } from '../src/apply-migrations.js';
import { buildIndexes } from '../src/build-indexes.js';
import { loadMigrations } from '../src/migrations.js';
import { openDatabase } from '../src/open-database.js';
import { createEmptyServerDatabase, createTestDatabase, PATIENT, serverOnly, testEngines } from '../src/testing.js';
import { emptyDatabase, rejectionOf, temporaryDirectory, writeMigrations } from './fixtures.js';

const FIRST = { '20260101000000_first': 'CREATE TABLE first (id int, at timestamptz); INSERT INTO first VALUES (1);' };
const COLUMN = { '20260102000000_column': 'ALTER TABLE first ADD COLUMN name text;' };
const INDEX = {
  '20260103000000_index': '-- For reads by time.\nCREATE INDEX CONCURRENTLY "first_at_idx" ON "first" ("at");\n',
};

// In an embedded database, no other connection can block a migration.
serverOnly(describe)('a database in use', () => {
  let folder: { path: string; remove: () => Promise<void> };
  let server: { url: string; drop: () => Promise<void> };
  let reader: pg.Client;

  beforeEach(async () => {
    folder = await temporaryDirectory();
    server = await createEmptyServerDatabase();
    await writeMigrations(folder.path, FIRST);
    await (await open()).close();
    reader = new pg.Client({ connectionString: server.url, application_name: 'a report' });
    await reader.connect();
  });
  afterEach(async () => {
    await reader.end();
    await server.drop();
    await folder.remove();
  });

  const open = (onMigrationWait?: (wait: MigrationWait) => void) =>
    openDatabase(
      { url: server.url },
      { ...PATIENT, migrationsDirectory: folder.path, ...(onMigrationWait ? { onMigrationWait } : {}) },
    );
  const startLongRead = () => reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM first');

  async function withClient<T>(action: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      return await action(client);
    } finally {
      await client.end();
    }
  }
  const isWaitingForLock = async () => {
    const { rows } = await reader.query('SELECT FROM pg_locks WHERE NOT granted AND relation IS NOT NULL');
    return rows.length > 0;
  };
  const isValid = () =>
    withClient(async (client) => {
      const { rows } = await client.query<{ indisvalid: boolean }>(
        `SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('first_at_idx')`,
      );
      return rows[0]?.indisvalid ?? null;
    });

  test('stays readable while a migration waits for another reader, and the migration then succeeds', async () => {
    await startLongRead();
    await writeMigrations(folder.path, COLUMN);
    const waits: MigrationWait[] = [];
    let done = false;
    const opening = open((wait) => waits.push(wait)).finally(() => (done = true));

    const durations: number[] = [];
    await withClient(async (other) => {
      const since = performance.now();
      const lastsMs = () => performance.now() - since;
      while (lastsMs() < 8_000 || ((waits.length === 0 || durations.length < 20) && lastsMs() < 30_000)) {
        const before = performance.now();
        await other.query('SELECT * FROM first');
        durations.push(performance.now() - before);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    expect(done).toBe(false);
    // The SELECT waits behind the migration, which stops waiting for its lock after 2 s, or somewhat later on a busy
    // machine. Without this lock timeout, the SELECT would wait for the reader.
    expect(Math.max(...durations)).toBeLessThan(5_000);
    expect(waits.length).toBeGreaterThan(0);
    expect(waits[0]).toMatchObject({
      migration: '20260102000000_column',
      blockers: [expect.stringMatching(/^pid \d+ \(a report, idle in transaction for \d+ s\)$/)],
    });

    await reader.query('COMMIT');
    const database = await opening;
    expect(database.appliedMigrations).toEqual(['20260102000000_column']);
    await database.close();
  });

  test('is not reported as blocked by a session that itself waits for the migration', async () => {
    await startLongRead();
    await writeMigrations(folder.path, COLUMN);
    const migrations = await loadMigrations(folder.path);
    const waits: MigrationWait[] = [];
    await withClient(async (waiting) => {
      await withClient(async (client) => {
        const options = {
          lockTimeoutMs: 1_500,
          pauseMs: 10,
          retryMsMax: 100,
          onWait: (wait: MigrationWait) => waits.push(wait),
        };
        const run = { isOver: false };
        const applying = rejectionOf(applyMigrations(client, migrations, options)).finally(() => (run.isOver = true));
        while (!run.isOver && !(await isWaitingForLock())) await new Promise((resolve) => setTimeout(resolve, 20));
        await waiting.query('BEGIN');
        await waiting.query('SELECT * FROM first');
        await applying;
      });
      await waiting.query('COMMIT');
    });
    expect(waits[0]!.blockers).toEqual([expect.stringContaining('(a report, idle in transaction')]);
  });

  test('makes the start fail with a message about the blocking session if it stays in use for too long', async () => {
    await startLongRead();
    await writeMigrations(folder.path, COLUMN);
    const migrations = await loadMigrations(folder.path);
    const error = await withClient((client) =>
      rejectionOf(applyMigrations(client, migrations, { lockTimeoutMs: 50, pauseMs: 10, retryMsMax: 1_500 })),
    );
    expect(error).toBeInstanceOf(MigrationFailedError);
    expect(error.message).toMatch(/a table that it needs is in use by pid \d+ \(a report/);
  });

  test('opens before its new large index exists, and is writable while the index is built', async () => {
    await startLongRead();
    await writeMigrations(folder.path, { ...INDEX, ...COLUMN_LATER });
    const database = await open();
    // Later migrations do not wait for the index.
    expect(database.appliedMigrations).toEqual(['20260104000000_table']);
    expect(await isValid()).toBeNull();

    const building = database.buildIndexes();
    const durations: number[] = [];
    await withClient(async (other) => {
      for (let i = 0; i < 20; i++) {
        const before = performance.now();
        await other.query('INSERT INTO first VALUES (2)');
        durations.push(performance.now() - before);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    expect(Math.max(...durations)).toBeLessThan(2_000);
    await reader.query('COMMIT');
    expect(await building).toEqual(['20260103000000_index']);
    expect(await isValid()).toBe(true);
    expect(await database.buildIndexes()).toEqual([]);
    await database.close();
    const again = await open();
    expect(again.appliedMigrations).toEqual([]);
    await again.close();
  });

  test('rebuilds an index that an interrupted build left invalid', async () => {
    await writeMigrations(folder.path, INDEX);
    await startLongRead();
    await withClient(async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      // The build waits for the reader until it is canceled.
      const building = rejectionOf(client.query(INDEX['20260103000000_index']));
      await eventually(async () => expect(await isValid()).toBe(false));
      await withClient((other) => other.query('SELECT pg_cancel_backend($1)', [rows[0]!.pid]));
      await building;
    });
    expect(await isValid()).toBe(false);
    await reader.query('COMMIT');
    const database = await open();
    expect(await database.buildIndexes()).toEqual(['20260103000000_index']);
    expect(await isValid()).toBe(true);
    await database.close();
  });

  test('keeps an index whose build was not recorded, and records the build', async () => {
    await writeMigrations(folder.path, INDEX);
    await withClient((client) => client.query(INDEX['20260103000000_index']));
    const database = await open();
    expect(await database.buildIndexes()).toEqual(['20260103000000_index']);
    const rows = await database.prisma.$queryRaw`
      SELECT applied_steps_count AS steps, finished_at IS NOT NULL AS finished FROM _prisma_migrations
      WHERE migration_name = '20260103000000_index'`;
    expect(rows).toEqual([{ steps: 1, finished: true }]);
    await database.close();
  });

  test('gets only one index if several processes build the index at the same time', async () => {
    await writeMigrations(folder.path, INDEX);
    const migrations = await loadMigrations(folder.path);
    await Promise.all([1, 2, 3, 4].map(() => withClient((client) => buildIndexes(client, migrations))));
    expect(await isValid()).toBe(true);
    const recorded = await withClient((client) =>
      client.query(`SELECT FROM _prisma_migrations WHERE migration_name = '20260103000000_index'`),
    );
    expect(recorded.rowCount).toBe(1);
  });

  test('can be closed during an index build, and builds the index after the next start', async () => {
    await writeMigrations(folder.path, INDEX);
    await startLongRead();
    const database = await open();
    const stop = new AbortController();
    const building = database.buildIndexes({ signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 300));
    stop.abort();
    expect(await building).toEqual([]);
    await database.close();
    await reader.query('COMMIT');
    const next = await open();
    expect(await next.buildIndexes()).toEqual(['20260103000000_index']);
    expect(await isValid()).toBe(true);
    await next.close();
  });
});

const COLUMN_LATER = { '20260104000000_table': 'CREATE TABLE second (id int);' };

test('an embedded database builds large indexes when it is opened', async () => {
  const folder = await temporaryDirectory();
  await writeMigrations(folder.path, FIRST);
  const target = await emptyDatabase('pglite');
  await (await target.open({ migrationsDirectory: folder.path })).close();
  await writeMigrations(folder.path, INDEX);
  const database = await target.open({ migrationsDirectory: folder.path });
  expect(database.appliedMigrations).toEqual(['20260103000000_index']);
  expect(await database.buildIndexes()).toEqual([]);
  await database.close();
  await target.remove();
  await folder.remove();
});

describe.each(testEngines())('the newest agent token of a host on %s', (engine) => {
  test('is read from an index, so that a host with many tokens does not slow down a rotation', async () => {
    const db = await createTestDatabase(engine);
    const plan = await db.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL enable_seqscan = off`;
      return tx.$queryRaw<{ 'QUERY PLAN': string }[]>`
        EXPLAIN SELECT max("createdAt") FROM agent_tokens WHERE "hostId" = ${randomUUID()}::uuid`;
    });
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('agent_tokens_hostId_createdAt_idx');
    await db.close();
  });
});
