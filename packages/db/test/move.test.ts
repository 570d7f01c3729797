/** Tests the move of a real embedded database to a real server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { cp, readdir, readFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';

import { moveDatabase } from '../src/backup/index.js';
import type { Database } from '../src/database.js';
import {
  DatabaseAccessError,
  DatabaseLockedError,
  DatabaseMovedError,
  DatabaseUnreachableError,
  DatabaseUnsuitableError,
  MoveError,
} from '../src/errors.js';
import { loadMigrations } from '../src/migrations.js';
import { openDatabase } from '../src/open-database.js';
import { cachedTemplate } from '../src/template.js';
import { createEmptyServerDatabase, serverOnly } from '../src/testing.js';
import { fillEveryTable, recordEvents, tablesAsText } from './every-table.js';
import { container, rejectionOf, temporaryDirectory, writeMigrations } from './fixtures.js';

serverOnly(describe)('a move to a server', () => {
  /** An embedded database with rows in every table. It is made only once. */
  let original: { dataDir: string; tables: Record<string, string[]>; remove: () => Promise<void> };
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let dataDir: string;
  let server: Awaited<ReturnType<typeof createEmptyServerDatabase>>;

  beforeAll(async () => {
    await cachedTemplate(await loadMigrations());
    const { path, remove } = await temporaryDirectory();
    const directory = join(path, 'data');
    const tables = await withDatabase({ dataDir: directory }, async (database) => {
      await fillEveryTable(database);
      await fillRandomly(database);
      return tablesAsText(database);
    });
    original = { dataDir: directory, tables, remove };
  });
  afterAll(() => original.remove());
  beforeEach(async () => {
    folder = await temporaryDirectory();
    dataDir = join(folder.path, 'data');
    await cp(original.dataDir, dataDir, { recursive: true });
    server = await createEmptyServerDatabase();
  });
  afterEach(async () => {
    await server.drop();
    await folder.remove();
  });

  const move = (url = server.url) => moveDatabase({ dataDir, url });

  /** Checks that the server's database and the directory are as before, and that the move succeeds then. */
  async function expectNothingMoved(): Promise<void> {
    expect(await query(server.url, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace`)).toEqual(
      [],
    );
    expect((await readdir(dataDir)).sort()).toEqual(['postgres']);
    expect(await withDatabase({ dataDir }, tablesAsText)).toEqual(original.tables);
  }

  test('copies every row of every table, and leaves the embedded database as it was', async () => {
    const { tables } = await move();
    expect(Object.fromEntries(tables.map(({ table, rows }) => [table, rows]))).toEqual(
      Object.fromEntries(Object.entries(original.tables).map(([table, rows]) => [table, rows.length])),
    );
    expect(tables.filter(({ rows }) => rows === 0)).toEqual([]);
    const moved = await withDatabase({ url: server.url }, async (database) => {
      expect(database.appliedMigrations).toEqual([]);
      return tablesAsText(database);
    });
    expect(moved).toEqual(original.tables);
  });
});

/** Opens a database, runs an action, and closes it. */
async function withDatabase<T>(
  target: Parameters<typeof openDatabase>[0],
  action: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(target);
  try {
    return await action(database);
  } finally {
    await database.close();
  }
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<object>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Characters that are likely to be converted wrongly: of one to four bytes, with a meaning in SQL, JSON or COPY. */
const CHARACTERS = [...`aA0 "'\\,(){}[]:;$%\t\n\r\u0001\u007f\u0085\u00a0\u00e9e\u0301\u200b\u2028\ud7ff\ufeff\ufffd\uffff\u{1F433}\u{10FFFF}`];

/** Adds 300 containers with random texts, some of them long, and random numbers. */
async function fillRandomly({ prisma }: Database): Promise<void> {
  const { id: hostId } = await prisma.host.findFirstOrThrow();
  const text = (length: number) =>
    Array.from({ length }, () => CHARACTERS[Math.floor(Math.random() * CHARACTERS.length)]!).join('');
  await prisma.container.createMany({
    data: Array.from({ length: 300 }, (_, i) => ({
      ...container(hostId, `${i} ${text(20)}`),
      name: text(i % 7),
      image: text(300),
      command: text(i % 50 === 0 ? 200_000 : i),
      labels: Object.fromEntries(Array.from({ length: i % 9 }, () => [text(5), text(50)])),
      truncated: Array.from({ length: i % 4 }, () => text(i % 5)),
      exitCode: i % 3 === 0 ? null : [0, -1, 4_294_967_295, 0.1, 5e-324, 1.7976931348623157e308, Math.random()][i % 7]!,
      startedAt: i % 2 === 0 ? null : new Date(Math.floor(Math.random() * 4e12)),
    })),
  });
}
