/** Tests backup and restore with real files of real embedded databases. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { copyFile, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';

import { backUpDatabase, restoreBackup } from '../src/backup/index.js';
import type { Database } from '../src/database.js';
import { BackupError, DatabaseLockedError, DataDirectoryError } from '../src/errors.js';
import { loadMigrations } from '../src/migrations.js';
import { openDatabase } from '../src/open-database.js';
import { migrationsDirectory } from '../src/package-paths.js';
import { cachedTemplate } from '../src/template.js';
import { backupBytes } from '../src/backup/write-backup.js';
import { createEmptyServerDatabase, PATIENT, serverOnly } from '../src/testing.js';
import { fillEveryTable, recordEvents, tablesAsText } from './every-table.js';
import { container, createHost, rejectionOf, temporaryDirectory } from './fixtures.js';

let folder: { path: string; remove: () => Promise<void> };
let dataDir: string;
let file: string;
let copy: string;

/** A database with rows in every table, the content of its tables, and its backup, shared by all tests. */
let fullDatabase: { dataDir: string; tables: Record<string, string[]>; bytes: Buffer };
let removeFull: () => Promise<void>;

beforeAll(async () => {
  // A restore of an older version's backup starts from the template without migrations.
  await cachedTemplate([]);
  await cachedTemplate(await loadMigrations());
  const { path, remove } = await temporaryDirectory();
  removeFull = remove;
  const source = { dataDir: join(path, 'data'), file: join(path, 'muster.backup') };
  const tables = await withDatabase(source.dataDir, async (database) => {
    await fillEveryTable(database);
    return tablesAsText(database);
  });
  await backUpDatabase(source);
  fullDatabase = { dataDir: source.dataDir, tables, bytes: await readFile(source.file) };
});
afterAll(() => removeFull());
beforeEach(async () => {
  folder = await temporaryDirectory();
  dataDir = join(folder.path, 'data');
  file = join(folder.path, 'muster.backup');
  copy = join(folder.path, 'copy');
});
afterEach(() => folder.remove());

/** Copies the database with rows in every table to `dataDir`. Copying is much faster than creating a database. */
const copyFullDatabase = (): Promise<void> => cp(fullDatabase.dataDir, dataDir, { recursive: true });

/** Opens a database, runs an action, and closes it. */
async function withDatabase<T>(
  directory: string,
  action: (database: Database) => Promise<T>,
  options: Parameters<typeof openDatabase>[1] = {},
): Promise<T> {
  const database = await openDatabase({ dataDir: directory }, options);
  try {
    return await action(database);
  } finally {
    await database.close();
  }
}

/** Writes the backup with changed lines, so that its hash no longer matches. */
async function rewrite(change: (lines: string[]) => string[]): Promise<void> {
  const lines = gunzipSync(fullDatabase.bytes).toString('utf8').split('\n');
  await writeFile(file, gzipSync(change(lines).join('\n')));
}

describe('a backup', () => {
  test('restores every row of every table', async () => {
    await writeFile(file, fullDatabase.bytes);
    const restored = await restoreBackup({ file, dataDir: copy });
    expect(restored.appliedMigrations).toEqual([]);
    expect(restored.rows).toBe(Object.values(fullDatabase.tables).flat().length);
    expect(await withDatabase(copy, tablesAsText)).toEqual(fullDatabase.tables);
    // A backup of the restored database must equal the first backup.
    await backUpDatabase({ dataDir: copy, file: join(folder.path, 'again.backup') });
    const content = async (name: string) =>
      gunzipSync(await readFile(join(folder.path, name)))
        .toString()
        .split('\n');
    const first = await content('muster.backup');
    const second = await content('again.backup');
    // Only the ids of events may differ.
    const withoutEvents = (lines: string[]) => lines.filter((line) => line.startsWith('[') && !line.includes('evt-'));
    expect(withoutEvents(second)).toEqual(withoutEvents(first));
  });

  test('with more rows than fit into one read or write is restored completely', async () => {
    const count = await withDatabase(dataDir, async ({ prisma }) => {
      await prisma.$executeRaw`
        INSERT INTO organizations (id, name, slug, metadata)
        SELECT n::text, 'org', n::text, repeat('zażółć \u{1F433} "\\', 100) FROM generate_series(1, 2500) AS n`;
      return prisma.organization.count();
    });
    const { rows } = await backUpDatabase({ dataDir, file });
    expect(rows).toBe(count);
    await restoreBackup({ file, dataDir: copy });
    await withDatabase(copy, async ({ prisma }) => {
      expect(await prisma.organization.count()).toBe(count);
      const [odd] = await prisma.$queryRaw<{ n: number }[]>`
        SELECT count(DISTINCT metadata)::int AS n FROM organizations`;
      expect(odd?.n).toBe(1);
    });
  });

  test('replaces an existing file only with force, and is readable only by its owner', async () => {
    await copyFullDatabase();
    await writeFile(file, 'precious', { mode: 0o644 });
    const refusal = await rejectionOf(backUpDatabase({ dataDir, file }));
    expect(refusal).toBeInstanceOf(BackupError);
    expect(refusal.message).toContain('--force');
    expect(await readFile(file, 'utf8')).toBe('precious');
    await backUpDatabase({ dataDir, file, force: true });
    expect(gunzipSync(await readFile(file)).toString()).toContain('"end":true');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder.path)).sort()).toEqual(['data', 'muster.backup']);
  });

  test('fails with an explanation while a process has the database open', async () => {
    await copyFullDatabase();
    await withDatabase(dataDir, async () => {
      const refusal = await rejectionOf(backUpDatabase({ dataDir, file }));
      expect(refusal).toBeInstanceOf(DatabaseLockedError);
      expect(refusal.message).toContain('stop that process');
    });
    expect(await readdir(folder.path)).toEqual(['data']);
  });

  test('of a directory without a database fails and creates no directory', async () => {
    expect((await rejectionOf(backUpDatabase({ dataDir, file }))).message).toBe(`There is no database in ${dataDir}.`);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('fails with a BackupError and leaves no file if it cannot be written', async () => {
    await copyFullDatabase();
    const refusal = await rejectionOf(backUpDatabase({ dataDir, file: join(folder.path, 'none', 'muster.backup') }));
    expect(refusal).toBeInstanceOf(BackupError);
    expect(await readdir(folder.path)).toEqual(['data']);
  });
});

describe('a restore', () => {
  test('of an older version’s backup migrates the database to this version', async () => {
    const own = await loadMigrations();
    const older = join(folder.path, 'older');
    const [first] = own;
    await mkdir(join(older, first!.name), { recursive: true });
    await copyFile(join(migrationsDirectory, first!.name, 'migration.sql'), join(older, first!.name, 'migration.sql'));
    await withDatabase(
      dataDir,
      async ({ prisma }) => {
        await prisma.$executeRaw`INSERT INTO organizations (id, name, slug) VALUES ('org', 'Org', 'org')`;
        await prisma.$executeRaw`
          INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion",
            os, arch, "agentVersion", "enrolledAt")
          VALUES (gen_random_uuid(), 'org', 'h', 'e', 'n', 'v', 'a', 'os', 'arch', '1', now())`;
        await prisma.$executeRaw`
          INSERT INTO containers ("hostId", "dockerId", name, image, command, state, status, ports, labels, digest,
            "firstSeenAt", "changedAt")
          SELECT id, 'c', 'c', 'i', '', 'running', '', '[]', '{"a": "b"}', 'd', now(), now() FROM hosts`;
      },
      { migrationsDirectory: older },
    );
    await backUpDatabase({ dataDir, file });
    const { appliedMigrations } = await restoreBackup({ file, dataDir: copy });
    expect(appliedMigrations).toEqual(own.slice(1).map(({ name }) => name));
    await withDatabase(copy, async (database) => {
      expect(database.appliedMigrations).toEqual([]);
      // A later migration derives data from rows, so the rows must be loaded before that migration runs.
      expect(await database.prisma.container.findMany({ select: { organizationId: true, labels: true } })).toEqual([
        { organizationId: 'org', labels: { a: 'b' } },
      ]);
    });
  });

  test('keeps the order of the history, to which new events are appended', async () => {
    const orderIn = async ({ prisma }: Database) => {
      const events = await prisma.containerEvent.findMany({ orderBy: [{ tx: 'asc' }, { id: 'asc' }] });
      return events.map(({ name }) => name);
    };
    await copyFullDatabase();
    const before = await withDatabase(dataDir, async (database) => {
      // As in an old cluster, these rows have high transaction ids, in another order than their row ids.
      await recordEvents(database, [
        { tx: 7_000_000_000n, id: 900n, name: 'third' },
        { tx: 6_000_000_000n, id: 901n, name: 'second' },
        { tx: 5_000_000_000n, id: 899n, name: 'first' },
      ]);
      return orderIn(database);
    });
    await backUpDatabase({ dataDir, file });
    await restoreBackup({ file, dataDir: copy });
    await withDatabase(copy, async (database) => {
      expect(await orderIn(database)).toEqual(before);
      await recordEvents(database, [{ name: 'next' }]);
      const future = await database.prisma.$queryRaw`
        SELECT name FROM container_events WHERE tx > pg_snapshot_xmin(pg_current_snapshot())::text::bigint`;
      expect(future).toEqual([]);
      expect(await orderIn(database)).toEqual([...before, 'next']);
    });
    // A second backup and restore keeps the moved events before the newer events.
    await backUpDatabase({ dataDir: copy, file, force: true });
    const third = join(folder.path, 'third');
    await restoreBackup({ file, dataDir: third });
    expect(await withDatabase(third, orderIn)).toEqual([...before, 'next']);
  });

  test('assigns no id twice', async () => {
    await writeFile(file, fullDatabase.bytes);
    await restoreBackup({ file, dataDir: copy });
    await withDatabase(copy, async ({ prisma }) => {
      const { id: last } = await prisma.auditEntry.findFirstOrThrow({ orderBy: { id: 'desc' } });
      const data = { organizationId: 'org', at: new Date(), actor: 'system', action: 'a', target: 't' };
      expect((await prisma.auditEntry.create({ data })).id).toBeGreaterThan(last);
    });
  });

  test('of a truncated or altered file fails and creates nothing', async () => {
    const whole = fullDatabase.bytes;
    // The first ten bytes are the gzip header, which does not affect the content.
    const places = Array.from({ length: 40 }, (_, i) => 10 + Math.floor(((whole.length - 11) * i) / 39));
    for (const place of places) {
      const altered = Buffer.from(whole);
      altered[place]! ^= 0x10;
      for (const damaged of [whole.subarray(0, place), altered]) {
        await writeFile(file, damaged);
        const refusal = await rejectionOf(restoreBackup({ file, dataDir: copy }));
        expect(refusal).toBeInstanceOf(BackupError);
        expect(refusal.message).toMatch(/truncated or altered/);
      }
    }
    expect(await readdir(folder.path)).toEqual(['muster.backup']);
  });

  test.each([
    ['lacks a row', (lines: string[]) => lines.filter((line, i) => i !== lines.findIndex((l) => l.startsWith('[')))],
    ['has a row twice', (lines: string[]) => lines.flatMap((line) => (line.includes('"org"') ? [line, line] : [line]))],
    ['lacks its end', (lines: string[]) => lines.filter((line) => !line.includes('"end"'))],
    ['continues after its end', (lines: string[]) => [...lines.slice(0, -1), '["more"]', '']],
    ['begins in the middle', (lines: string[]) => lines.slice(1)],
    ['is another kind of file', () => ['{"hello":"world"}', '']],
    ['is empty', () => ['']],
  ])('of a file that %s is refused', async (_how, change) => {
    await rewrite(change);
    const refusal = await rejectionOf(restoreBackup({ file, dataDir: copy }));
    expect(refusal).toBeInstanceOf(BackupError);
    expect(refusal.message).toMatch(/truncated or altered/);
  });

  test('of a newer version’s backup fails with an error about the unknown format or migration', async () => {
    await rewrite((lines) => [lines[0]!.replace('"version":1', '"version":2'), ...lines.slice(1)]);
    expect((await rejectionOf(restoreBackup({ file, dataDir: copy }))).message).toContain('newer version of Muster');

    await writeFile(file, fullDatabase.bytes);
    const older = join(folder.path, 'older');
    await mkdir(older);
    const [first] = await loadMigrations();
    const refusal = await rejectionOf(restoreBackup({ file, dataDir: copy, migrationsDirectory: older }));
    expect(refusal).toBeInstanceOf(BackupError);
    expect(refusal.message).toContain(first!.name);
    expect(await readdir(folder.path)).not.toContain('copy');
  });

  test('into a directory that is not empty fails and leaves the directory unchanged', async () => {
    await writeFile(file, fullDatabase.bytes);
    await copyFullDatabase();
    const refusal = await rejectionOf(restoreBackup({ file, dataDir }));
    expect(refusal).toBeInstanceOf(BackupError);
    expect(refusal.message).toContain('not empty');
    expect(await withDatabase(dataDir, tablesAsText)).toEqual(fullDatabase.tables);
    await mkdir(copy);
    await writeFile(join(copy, 'notes'), 'precious');
    expect((await rejectionOf(restoreBackup({ file, dataDir: copy }))).message).toContain('not empty');
    expect(await readdir(copy)).toEqual(['notes']);
  });

  test('that was interrupted leaves no usable database until the restore is repeated', async () => {
    await writeFile(file, fullDatabase.bytes);
    // Create the state after a kill in the middle of a restore.
    await mkdir(join(copy, 'postgres.restoring', 'base'), { recursive: true });
    const refusal = await rejectionOf(openDatabase({ dataDir: copy }));
    expect(refusal).toBeInstanceOf(DataDirectoryError);
    expect(refusal.message).toContain('a restore into it was interrupted');
    await restoreBackup({ file, dataDir: copy });
    expect(await withDatabase(copy, tablesAsText)).toEqual(fullDatabase.tables);
  });

  test('that fails in the middle leaves the directory empty', async () => {
    await writeFile(file, fullDatabase.bytes);
    const wrong = join(folder.path, 'wrong');
    for (const { name, sql } of await loadMigrations()) {
      await mkdir(join(wrong, name), { recursive: true });
      await writeFile(join(wrong, name, 'migration.sql'), sql);
    }
    await mkdir(join(wrong, '99991231000000_broken'));
    await writeFile(join(wrong, '99991231000000_broken', 'migration.sql'), 'SELECT nonsense();');
    await mkdir(copy);
    const error = await rejectionOf(restoreBackup({ file, dataDir: copy, migrationsDirectory: wrong }));
    expect(error.message).toContain('99991231000000_broken failed');
    expect(await readdir(copy)).toEqual([]);
  });
});

// `backupBytes` reads from a client of the package pg. In this test, the client is connected to a server.
serverOnly(test)('a backup is read in pieces limited by bytes, even if rows are compressed on disk', async () => {
  const { url, drop } = await createEmptyServerDatabase();
  const database = await openDatabase({ url }, PATIENT);
  const client = new pg.Client(url);
  try {
    const hostId = await createHost(database);
    await database.prisma.container.createMany({
      data: Array.from({ length: 700 }, (_, i) => container(hostId, `c${i}`)),
    });
    await database.prisma.$executeRaw`
      UPDATE containers SET command = repeat('x', 1048576) WHERE "dockerId" LIKE 'c6%'`;
    await client.connect();
    const counts = { tables: 0, rows: 0 };
    let bytesMax = 0;
    let bytes = 0;
    for await (const piece of backupBytes(client, new Date(), counts)) {
      bytesMax = Math.max(bytesMax, piece.length);
      bytes += piece.length;
    }
    expect(bytes).toBeGreaterThan(100 * 1024 * 1024);
    expect(bytesMax).toBeLessThan(6 * 1024 * 1024);
    expect(counts.rows).toBeGreaterThanOrEqual(700);
  } finally {
    await client.end();
    await database.close();
    await drop();
  }
});
