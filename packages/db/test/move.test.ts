/** Tests the move of a real embedded database to a real server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { eventually } from '@muster/testkit';
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
import { createEmptyServerDatabase, PATIENT, serverOnly } from '../src/testing.js';
import { fillEveryTable, recordEvents, tablesAsText } from './every-table.js';
import { container, rejectionOf, temporaryDirectory, writeMigrations } from './fixtures.js';

serverOnly(describe)('a move to a server', () => {
  /** An embedded database with rows in every table, shared by all tests. */
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

  /** Checks that the server's database is empty and that the directory contains no record of a move. */
  async function expectNothingMoved(): Promise<void> {
    expect(await query(server.url, 'SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace')).toEqual(
      [],
    );
    expect(await readdir(dataDir)).toEqual(['postgres']);
  }

  test('copies every row of every table and blocks the old directory', async () => {
    const { tables } = await move();
    expect(Object.fromEntries(tables.map(({ table, rows }) => [table, rows]))).toEqual(
      Object.fromEntries(Object.entries(original.tables).map(([table, rows]) => [table, rows.length])),
    );
    expect(tables.filter(({ rows }) => rows === 0 && tables.length > 20)).toEqual([]);
    const moved = await withDatabase({ url: server.url }, async (database) => {
      expect(database.appliedMigrations).toEqual([]);
      return tablesAsText(database);
    });
    expect(moved).toEqual(original.tables);

    const refusal = await rejectionOf(openDatabase({ dataDir }));
    expect(refusal).toBeInstanceOf(DatabaseMovedError);
    const { username, password, host, pathname } = new URL(server.url);
    expect(refusal.message).toContain(`was moved to postgresql://${username}@${host}${pathname} on 20`);
    expect((await rejectionOf(move())).message).toBe(refusal.message);
    const record = join(dataDir, 'moved-to-postgresql.json');
    expect(refusal.message).toContain(`delete ${record}.`);
    expect(await readFile(record, 'utf8')).not.toContain(password);
    await rm(record);
    expect(await withDatabase({ dataDir }, tablesAsText)).toEqual(original.tables);
  });

  test('keeps the order of the history, and assigns no id twice', async () => {
    const before = await withDatabase({ dataDir }, async (database) => {
      await recordEvents(database, [
        { tx: 7_000_000_000n, id: 900n, name: 'third' },
        { tx: 6_000_000_000n, id: 901n, name: 'second' },
      ]);
      return eventNames(database);
    });
    await move();
    await withDatabase({ url: server.url }, async (database) => {
      await recordEvents(database, [{ name: 'next' }]);
      expect(await eventNames(database)).toEqual([...before, 'next']);
      expect(
        await database.prisma.$queryRaw`
          SELECT name FROM container_events WHERE tx > pg_snapshot_xmin(pg_current_snapshot())::text::bigint`,
      ).toEqual([]);
      const { id: last } = await database.prisma.auditEntry.findFirstOrThrow({ orderBy: { id: 'desc' } });
      const data = { organizationId: 'org', at: new Date(), actor: 'system', action: 'a', target: 't' };
      expect((await database.prisma.auditEntry.create({ data })).id).toBeGreaterThan(last);
    });
  });

  test('of a database of an older version applies the newer migrations on the server only', async () => {
    const own = await loadMigrations();
    const older = join(folder.path, 'older');
    await writeMigrations(older, Object.fromEntries(own.slice(0, 5).map(({ name, sql }) => [name, sql])));
    const old = join(folder.path, 'old');
    const open = () => openDatabase({ dataDir: old }, { migrationsDirectory: older });
    const database = await open();
    await database.prisma.$executeRaw`INSERT INTO organizations (id, name, slug) VALUES ('org', 'Org', 'org')`;
    await database.close();
    await moveDatabase({ dataDir: old, url: server.url });
    await withDatabase({ url: server.url }, async (moved) => {
      expect(moved.appliedMigrations).toEqual([]);
      expect(await moved.prisma.organization.count()).toBe(1);
    });
    await rm(join(old, 'moved-to-postgresql.json'));
    // The older version still opens its database, to which no migration was applied.
    const again = await open();
    expect(again.appliedMigrations).toEqual([]);
    await again.close();
  });

  test('of a database of a newer version is refused', async () => {
    await withDatabase(
      { dataDir },
      ({ prisma }) =>
        prisma.$executeRaw`UPDATE _prisma_migrations SET migration_name = '20991231_future'
        WHERE migration_name = '20261129110100_exits_with_an_error'`,
    );
    expect((await rejectionOf(move())).message).toContain('newer version of Muster (it has the unknown migration 2099');
  });

  test('is refused while a process has the embedded database open, and if there is no embedded database', async () => {
    const database = await openDatabase({ dataDir });
    expect(await rejectionOf(move())).toBeInstanceOf(DatabaseLockedError);
    await database.close();
    const nowhere = join(folder.path, 'nowhere');
    const refusal = await rejectionOf(moveDatabase({ dataDir: nowhere, url: server.url }));
    expect(refusal.message).toBe(`There is no database in ${nowhere}.`);
    expect(await readdir(folder.path)).toEqual(['data']);
    await expectNothingMoved();
  });

  test('to a database that is not empty is refused, unless it contains only an extension', async () => {
    await query(server.url, `CREATE TABLE t (); CREATE VIEW v AS SELECT 1; CREATE TYPE y AS ENUM ('a')`);
    const refusal = await rejectionOf(move());
    expect(refusal).toBeInstanceOf(MoveError);
    expect(refusal.message).toContain('is not empty: it contains t, v, y. Nothing was moved.');
    await query(server.url, 'DROP TABLE t; DROP VIEW v; DROP TYPE y');
    await withDatabase({ url: server.url }, () => Promise.resolve());
    expect((await rejectionOf(move())).message).toMatch(
      /_prisma_migrations, \w+, \w+ and \d+ more.* drop this one if Muster was only started on it by mistake/,
    );
    await query(server.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE EXTENSION pg_trgm');
    expect((await move()).isRepeated).toBe(false);
  });

  test('moves nothing if it fails or the copy is altered, and can be repeated', async () => {
    // Each of these trigger bodies runs on the server for each container.
    const faults = [
      [`NEW.status := NEW.status || ' ';`, MoveError, 'differs from the embedded database in containers: '],
      [`IF NEW."dockerId" = 'b' THEN RETURN NULL; END IF;`, MoveError, 'in containers: '],
      ['NEW."exitCode" := NEW."exitCode" + 0;', MoveError, 'in containers: '],
      [`RAISE 'No space left on device' USING ERRCODE = '53100';`, MoveError, 'failed: No space left on device. '],
      ['PERFORM pg_terminate_backend(pg_backend_pid());', DatabaseUnreachableError, 'cannot be reached: terminating'],
    ] as const;
    for (const [body, type, words] of faults) {
      await interfere(server.url, 'containers', 'BEFORE INSERT', body);
      const failure = await rejectionOf(move());
      expect(failure).toBeInstanceOf(type);
      expect(failure.message).toContain(words);
      expect(failure.message.toLowerCase()).toContain('nothing was moved');
      await expectNothingMoved();
    }
    await interfere(server.url, 'hosts', 'DEFERRED', `RAISE 'not today';`);
    expect((await rejectionOf(move())).message).toContain('failed: not today. Nothing was moved.');
    await expectNothingMoved();
    await query(server.url, 'DROP SCHEMA faults CASCADE');
    await move();
    expect(await withDatabase({ url: server.url }, tablesAsText)).toEqual(original.tables);
  });

  test('is completed by the next call if the connection is lost during the commit', async () => {
    const holder = new pg.Client({ connectionString: server.url });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(1)');
    await interfere(server.url, 'hosts', 'DEFERRED', 'PERFORM pg_advisory_xact_lock(1);');
    const { url, cut } = await proxyTo(server.url);
    const moving = rejectionOf(move(url));
    await untilCommitWaits(server.url);
    cut();
    const failure = await moving;
    // The server now completes the commit.
    await holder.end();
    expect(failure).toBeInstanceOf(DatabaseMovedError);
    expect(failure.message).toContain('run "muster move-database" again');
    expect((await rejectionOf(openDatabase({ dataDir }))).message).toBe(failure.message);
    // Without the proxy, the address differs, but the database is the same.
    const { tables, isRepeated } = await move();
    expect(isRepeated).toBe(true);
    expect(tables.reduce((sum, { rows }) => sum + rows, 0)).toBe(Object.values(original.tables).flat().length);
    expect(await withDatabase({ url: server.url }, tablesAsText)).toEqual(original.tables);
    expect((await rejectionOf(openDatabase({ dataDir }))).message).toContain('was moved to');
  });

  test('counts as complete after an interruption only if the server’s database contains the id of the move', async () => {
    await move();
    const record = join(dataDir, 'moved-to-postgresql.json');
    const interrupted = (await readFile(record, 'utf8')).replace('"isComplete": true', '"isComplete": false');
    await writeFile(record, interrupted);
    // The move's transaction was committed at the same address and in the same cluster.
    await query(server.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await withDatabase({ url: server.url }, () => Promise.resolve());
    expect((await rejectionOf(move())).message).toContain('is not empty: it contains');
    expect(await readFile(record, 'utf8')).toBe(interrupted);
    await query(server.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    expect((await move()).isRepeated).toBe(false);
    expect(await withDatabase({ url: server.url }, tablesAsText)).toEqual(original.tables);
    await writeFile(record, (await readFile(record, 'utf8')).replace('"isComplete": true', '"isComplete": false'));
    expect((await move()).isRepeated).toBe(true);
    expect((await rejectionOf(move())).message).toContain('was moved to');
  });

  test('reports what is wrong with the server or its address, without the password', async () => {
    const changed = (change: (url: URL) => void): string => {
      const url = new URL(server.url);
      change(url);
      return url.href;
    };
    await query(server.url, `CREATE DATABASE latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
    // The proxy changes the version that the real server reports.
    const old = await proxyTo(server.url, (text) => text.replace(/\b1[5-9](\d{4})(?!\d)/, '14$1'));
    for (const [url, type, words] of [
      [changed((url) => (url.password = 'wrong')), DatabaseAccessError, 'rejects the user: password authentication'],
      [changed((url) => (url.password = '')), DatabaseAccessError, 'requires a password: add it to the URL'],
      [changed((url) => (url.pathname = '/missing')), MoveError, '/missing does not exist: create it'],
      [changed((url) => (url.pathname = '/latin1')), MoveError, 'has the encoding LATIN1'],
      [changed((url) => (url.port = '1')), DatabaseUnreachableError, 'connect ECONNREFUSED'],
      [old.url, DatabaseUnsuitableError, 'Muster needs PostgreSQL 15 or newer'],
    ] as const) {
      const refusal = await rejectionOf(move(url));
      expect(refusal).toBeInstanceOf(type);
      expect(refusal.message).toContain(words);
      expect(refusal.message).not.toContain(new URL(url).password || server.url);
    }
    await query(server.url, 'DROP DATABASE latin1');
  });

  test('reports a missing right to create a table or an extension', async () => {
    const limited = new URL(server.url);
    [limited.username, limited.password] = [`limited_${limited.pathname.slice(-12)}`, 'secret'];
    await query(server.url, `CREATE ROLE ${limited.username} LOGIN PASSWORD 'secret'`);
    try {
      const tables = await rejectionOf(move(limited.href));
      expect(tables).toBeInstanceOf(DatabaseAccessError);
      expect(tables.message).toContain('This user may not create tables');
      await query(server.url, `GRANT CREATE ON SCHEMA public TO ${limited.username}`);
      const extension = await rejectionOf(move(limited.href));
      expect(extension).toBeInstanceOf(DatabaseAccessError);
      expect(extension.message).toContain('may not create the extension pg_trgm');
      await expectNothingMoved();
      await query(server.url, 'CREATE EXTENSION pg_trgm');
      expect((await move(limited.href)).isRepeated).toBe(false);
    } finally {
      await query(server.url, `DROP OWNED BY ${limited.username}; DROP ROLE ${limited.username}`);
    }
  });
});

/** Opens a database, runs an action, and closes it. */
async function withDatabase<T>(
  target: Parameters<typeof openDatabase>[0],
  action: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(target, PATIENT);
  try {
    return await action(database);
  } finally {
    await database.close();
  }
}

async function eventNames({ prisma }: Database): Promise<string[]> {
  const events = await prisma.containerEvent.findMany({ orderBy: [{ tx: 'asc' }, { id: 'asc' }] });
  return events.map(({ name }) => name);
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

/**
 * Makes the server run a trigger's body for each row of a table that the move creates, either before the row is
 * inserted or at the commit. Replaces an earlier trigger. `DROP SCHEMA faults CASCADE` removes the trigger.
 */
async function interfere(url: string, table: string, when: 'BEFORE INSERT' | 'DEFERRED', body: string): Promise<void> {
  // A migration can rename another table to the table's final name.
  const [tags, trigger] =
    when === 'DEFERRED'
      ? [`'CREATE TABLE'`, `CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON ${table} DEFERRABLE INITIALLY DEFERRED`]
      : [`'CREATE TABLE', 'ALTER TABLE'`, `CREATE OR REPLACE TRIGGER fault BEFORE INSERT ON ${table}`];
  await query(
    url,
    `DROP SCHEMA IF EXISTS faults CASCADE;
    CREATE SCHEMA faults;
    CREATE FUNCTION faults.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;
    CREATE FUNCTION faults.on_table() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.${table}') THEN
        ${trigger} FOR EACH ROW EXECUTE FUNCTION faults.on_row();
      END IF;
    END $$;
    CREATE EVENT TRIGGER fault ON ddl_command_end WHEN TAG IN (${tags}) EXECUTE FUNCTION faults.on_table()`,
  );
}

/** Resolves when the move is in a trigger that waits for an advisory lock. */
async function untilCommitWaits(url: string): Promise<void> {
  await eventually(async () => {
    const rows = await query(
      url,
      `SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()`,
    );
    expect(rows).toHaveLength(1);
  });
}

/**
 * Starts a proxy for a server, and returns the URL of the server through the proxy. `change` changes the data that the
 * server sends. `cut` ends the clients' connections but not the connections to the server. The proxy ends with its
 * connections.
 */
async function proxyTo(
  url: string,
  change: (text: string) => string = (text) => text,
): Promise<{ url: string; cut: () => void }> {
  const { hostname, port } = new URL(url);
  const clients = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    clients.add(client);
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => client.write(Buffer.from(change(bytes.toString('latin1')), 'latin1')));
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.on('end', () => upstream.end());
    upstream.on('close', () => client.destroy());
  });
  proxy.listen(0, '127.0.0.1').unref();
  await once(proxy, 'listening');
  const proxied = new URL(url);
  proxied.port = String((proxy.address() as AddressInfo).port);
  return { url: proxied.href, cut: () => clients.forEach((client) => client.destroy()) };
}

/**
 * Characters that are likely to be converted wrongly: characters of one to four bytes, and characters with a meaning in
 * SQL, JSON or COPY.
 */
const CHARACTERS = Array.from(
  `aA0 "'\\,(){}[]:;$%\t\n\r\u0001\u007f\u0085\u00a0\u00e9e\u0301\u200b\u2028\ud7ff\ufeff\ufffd\uffff\u{1F433}\u{10FFFF}`,
);

/** Adds 300 containers with random numbers and random texts, of which some are long. */
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
      startedAt: i % 2 === 0 ? null : new Date(Math.floor(Math.random() * 4e12)),
    })),
  });
  await prisma.$executeRaw`
    UPDATE containers SET "exitCode" = (ARRAY[0, '-0', 4294967295, 0.1, 5e-324, 1.7976931348623157e308, 'NaN',
      'Infinity', random() * 1e300, random(), NULL]::float8[])[1 + floor(random() * 11)]`;
}
