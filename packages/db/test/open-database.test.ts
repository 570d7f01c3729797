import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  DatabaseLockedError,
  DatabaseUnreachableError,
  DatabaseUnsuitableError,
  DataDirectoryError,
  isUniqueViolation,
  openDatabase,
  type Database,
  type DatabaseTarget,
} from '@muster/db';
import { createEmptyServerDatabase, createTestDatabase, PATIENT, serverOnly, testEngines } from '@muster/db/testing';
import { chmod, cp, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function open(target: DatabaseTarget): Promise<Database> {
  const database = await openDatabase(target, PATIENT);
  cleanUps.push(() => database.close());
  return database;
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-db-'));
  cleanUps.push(() => rm(path, { recursive: true, force: true }));
  return join(path, 'data');
}

/** The directory of a closed database. Tests open or damage copies of it. */
let intactDirectory: string;
beforeAll(async () => {
  intactDirectory = await mkdtemp(join(tmpdir(), 'muster-db-'));
  await (await openDatabase({ dataDir: intactDirectory })).close();
});
afterAll(() => rm(intactDirectory, { recursive: true, force: true }));

/** Copies the intact database, which is faster than creating a database. Returns the path of the copy. */
async function copyOfIntact(): Promise<string> {
  const dataDir = await directory();
  await cp(intactDirectory, dataDir, { recursive: true });
  return dataDir;
}

async function emptyServerDatabase(): Promise<string> {
  const { url, drop } = await createEmptyServerDatabase();
  cleanUps.push(drop);
  return url;
}

const organization = (id: string) => ({ id, name: id, slug: id });

describe.each(testEngines())('a database on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
  });
  afterAll(() => database.close());

  test('returns values of every type in the schema unchanged', async () => {
    const at = new Date('2026-03-01T12:00:00.123Z');
    const [row] = await database.prisma.$queryRaw<object[]>`
      SELECT ${at}::timestamptz(3) AS at, ${2n ** 53n + 1n}::bigint AS big, ${'{"__proto__": [1, null]}'}::jsonb AS json,
        ${'zażółć 🐳'}::text AS text, ${['a', 'b"', 'c,']}::text[] AS texts, ${new Uint8Array([0, 255])}::bytea AS bytes,
        ${null}::int AS nothing, TRUE AS truth`;
    expect(row).toEqual({
      at,
      big: 2n ** 53n + 1n,
      text: 'zażółć 🐳',
      texts: ['a', 'b"', 'c,'],
      nothing: null,
      truth: true,
      json: JSON.parse('{"__proto__": [1, null]}') as object,
      bytes: new Uint8Array([0, 255]),
    });
  });

  test('reports a unique violation, in the client and in raw SQL', async () => {
    const { prisma } = database;
    await prisma.organization.create({ data: organization('twice') });
    const again = prisma.organization.create({ data: organization('twice') });
    const raw = prisma.$executeRaw`INSERT INTO organizations (id, name, slug) VALUES ('twice', 'x', 'x')`;
    for (const attempt of [again, raw]) {
      expect(isUniqueViolation(await attempt.catch((error: unknown) => error))).toBe(true);
    }
  });

  test('rolls back a failed transaction, and the next transaction works', async () => {
    const { prisma } = database;
    const failing = prisma.$transaction(async (tx) => {
      await tx.organization.create({ data: organization('undone') });
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    const batch = prisma.$transaction([
      prisma.organization.create({ data: organization('undone') }),
      prisma.organization.create({ data: organization('undone') }),
    ]);
    await expect(batch).rejects.toThrow();
    expect(await prisma.organization.count({ where: { id: 'undone' } })).toBe(0);
  });

  test('answers 50 concurrent queries', async () => {
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    const rows = await Promise.all(
      numbers.map((n) => database.prisma.$queryRaw<{ n: number }[]>`SELECT ${n}::int AS n`),
    );
    expect(rows.map(([row]) => row?.n)).toEqual(numbers);
  });

  test('enforces check constraints', async () => {
    await expect(
      database.prisma.$executeRaw`INSERT INTO service_liveness (id, "aliveAt") VALUES (2, now())`,
    ).rejects.toThrow('service_liveness_id_check');
  });
});

describe('an embedded database in a directory', () => {
  test('keeps its data and is readable only by its owner', async () => {
    const dataDir = await directory();
    const first = await openDatabase({ dataDir });
    expect(first.appliedMigrations.length).toBeGreaterThanOrEqual(0);
    await first.prisma.organization.create({ data: organization('kept') });
    await first.close();
    await first.close();
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    const second = await open({ dataDir });
    expect(second.appliedMigrations).toEqual([]);
    expect(await second.prisma.organization.count()).toBe(1);
  });

  test('is closed to other users again if its mode was changed', async () => {
    const dataDir = await copyOfIntact();
    const outside = join(await directory(), 'outside');
    await mkdir(dirname(outside), { recursive: true });
    await writeFile(outside, 'of another program', { mode: 0o644 });
    await symlink(outside, join(dataDir, 'postgres', 'link'));
    await chmod(dataDir, 0o755);
    await chmod(join(dataDir, 'postgres'), 0o755);
    await chmod(outside, 0o644);
    await chmod(join(dataDir, 'postgres', 'PG_VERSION'), 0o666);
    await open({ dataDir });
    const modeOf = async (...path: string[]) => (await stat(join(...path))).mode & 0o777;
    expect(await modeOf(dataDir)).toBe(0o700);
    expect(await modeOf(dataDir, 'postgres')).toBe(0o700);
    expect(await modeOf(dataDir, 'postgres', 'PG_VERSION')).toBe(0o600);
    expect(await modeOf(outside)).toBe(0o644);
  });

  test('is closed to other users if its directory existed before, like a mounted volume', async () => {
    const dataDir = await directory();
    await mkdir(dataDir, { recursive: true });
    await chmod(dataDir, 0o755);
    await open({ dataDir });
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  });

  test('is refused in a directory that several users can write to, and the directory keeps its mode', async () => {
    const dataDir = await directory();
    await mkdir(dataDir, { recursive: true });
    await chmod(dataDir, 0o1777);
    await expect(openDatabase({ dataDir })).rejects.toThrow(/other users of this machine can enter it \(mode 1777\)/);
    expect((await stat(dataDir)).mode & 0o7777).toBe(0o1777);
  });

  test('can be open only once', async () => {
    const dataDir = await copyOfIntact();
    await open({ dataDir });
    await expect(openDatabase({ dataDir })).rejects.toThrow(DatabaseLockedError);
  });

  test('is created again if its first start was interrupted', async () => {
    const dataDir = await copyOfIntact();
    // After a kill during the first start, the marker exists and files are missing.
    await writeFile(join(dataDir, 'postgres.unfinished'), '');
    await rm(join(dataDir, 'postgres', 'global'), { recursive: true });
    const database = await open({ dataDir });
    expect(await database.prisma.organization.count()).toBe(0);
  });
});

test.each([
  ['damaged', 'PG_VERSION', ''],
  ['of another version', 'PG_VERSION', '9.6\n'],
  ['without their version', 'PG_VERSION', null],
  ['without their control file', 'global/pg_control', null],
])('an embedded database whose files are %s is refused with the directory in the message', async (_how, file, text) => {
  const dataDir = await copyOfIntact();
  const path = join(dataDir, 'postgres', file);
  await (text === null ? rm(path) : writeFile(path, text));
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error: unknown = await openDatabase({ dataDir }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseUnsuitableError);
    expect((error as Error).message).toContain(dataDir);
  }
});

test('if a data directory cannot be created, the error contains the directory and the reason', async () => {
  const file = await directory();
  await writeFile(file, '');
  for (const [dataDir, reason] of [
    [join(file, 'below'), 'a part of its path is a file'],
    [file, 'a file of that name exists'],
    [join(file, '..', 'x'.repeat(300)), 'its path is too long'],
  ] as const) {
    const error: unknown = await openDatabase({ dataDir }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataDirectoryError);
    expect((error as Error).message).toBe(`The data directory ${resolve(dataDir)} cannot be used: ${reason}.`);
  }
});

// Several processes and applications can share a server, but not an embedded database.
serverOnly(describe).each(['postgresql'] as const)('a server (%s)', () => {
  test('is migrated by one of three processes that start concurrently', async () => {
    const url = await emptyServerDatabase();
    const databases = await Promise.all([open({ url }), open({ url }), open({ url })]);
    const applied = databases.flatMap(({ appliedMigrations }) => appliedMigrations);
    expect(applied.length).toBeGreaterThan(0);
    expect(new Set(applied).size).toBe(applied.length);
    await Promise.all(databases.map(({ prisma }) => prisma.organization.count()));
  });

  test('with the tables of another application is rejected', async () => {
    const url = await emptyServerDatabase();
    const database = await openDatabase({ url }, PATIENT);
    await database.prisma.$executeRaw`DROP TABLE _prisma_migrations`;
    await database.close();
    await expect(openDatabase({ url }, PATIENT)).rejects.toThrow(DatabaseUnsuitableError);
  });

  test('causes an error without the password if it rejects the password', async () => {
    const url = new URL(await emptyServerDatabase());
    url.username = 'nobody_here';
    url.password = 'hunter2';
    const error: unknown = await openDatabase({ url: url.href }, PATIENT).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseUnreachableError);
    expect((error as Error).message).not.toContain('hunter2');
  });
});

test.each(['postgresql://muster:hunter2@127.0.0.1:1/muster', 'mysql://muster:hunter2@127.0.0.1/muster'])(
  'an unreachable database is reported in one line without its password: %s',
  async (url) => {
    const error: unknown = await openDatabase({ url }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseUnreachableError);
    expect((error as Error).message).not.toMatch(/hunter2|\n/);
  },
);
