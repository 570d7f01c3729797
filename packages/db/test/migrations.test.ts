import { afterEach, describe, expect, test } from '@jest/globals';
import {
  DatabaseTooNewError,
  MigrationFailedError,
  MigrationHistoryError,
  openDatabase,
  type DatabaseTarget,
} from '@muster/db';
import { createEmptyServerDatabase, testEngines } from '@muster/db/testing';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-migrations-'));
  cleanUps.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** This version's migrations, in a folder where a test can add to them. */
async function copyOfMigrations(): Promise<string> {
  const copy = join(await directory(), 'migrations');
  await cp(join(PACKAGE, 'prisma', 'migrations'), copy, { recursive: true });
  return copy;
}

async function addMigration(migrations: string, name: string, sql: string): Promise<void> {
  await mkdir(join(migrations, name), { recursive: true });
  await writeFile(join(migrations, name, 'migration.sql'), sql);
}

describe.each(testEngines())('migrations on %s', (engine) => {
  async function emptyTarget(): Promise<DatabaseTarget> {
    if (engine === 'pglite') return { dataDir: join(await directory(), 'data') };
    const { url, drop } = await createEmptyServerDatabase();
    cleanUps.push(drop);
    return { url };
  }

  const columnsOfHosts = async (target: DatabaseTarget, migrationsDirectory?: string): Promise<string[]> => {
    const database = await openDatabase(target, migrationsDirectory === undefined ? {} : { migrationsDirectory });
    const rows = await database.prisma.$queryRaw<{ name: string }[]>`
      SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = 'hosts'`;
    await database.close();
    return rows.map(({ name }) => name);
  };

  test('that came with a new version are applied to a database of the one before', async () => {
    const target = await emptyTarget();
    const before = await columnsOfHosts(target);
    const newer = await copyOfMigrations();
    await addMigration(newer, '99990101000000_rack', 'ALTER TABLE hosts ADD COLUMN rack TEXT;');
    expect((await columnsOfHosts(target, newer)).sort()).toEqual([...before, 'rack'].sort());
  });

  test('one that fails stops the start by name, and leaves the database as it was', async () => {
    const target = await emptyTarget();
    const before = await columnsOfHosts(target);
    const broken = await copyOfMigrations();
    await addMigration(broken, '99990101000000_broken', 'ALTER TABLE hosts ADD COLUMN rack TEXT; SELECT 1 / 0;');
    const error: unknown = await openDatabase(target, { migrationsDirectory: broken }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(MigrationFailedError);
    expect((error as Error).message).toMatch(/99990101000000_broken failed and was rolled back.*division by zero/);
    expect(await columnsOfHosts(target)).toEqual(before);
  });

  test('a database that is newer than the code is refused', async () => {
    const target = await emptyTarget();
    const newer = await copyOfMigrations();
    await addMigration(newer, '99990101000000_rack', 'ALTER TABLE hosts ADD COLUMN rack TEXT;');
    await columnsOfHosts(target, newer);
    const error: unknown = await openDatabase(target).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DatabaseTooNewError);
    expect((error as Error).message).toContain('99990101000000_rack');
  });

  test('one whose file was changed after it was applied is refused', async () => {
    const target = await emptyTarget();
    await columnsOfHosts(target);
    const changed = await copyOfMigrations();
    const [first] = (await readdir(changed)).filter((name) => name.endsWith('_init'));
    const file = join(changed, first!, 'migration.sql');
    await writeFile(file, `${await readFile(file, 'utf8')}\n-- changed`);
    await expect(openDatabase(target, { migrationsDirectory: changed })).rejects.toThrow(MigrationHistoryError);
  });
});

describe('the scripts', () => {
  const script = (name: string, args: string[]) =>
    new Promise<{ code: number | string; output: string }>((resolve) => {
      const command = ['--conditions=source', '--import', 'tsx', `scripts/${name}.ts`, ...args];
      execFile(process.execPath, command, { cwd: PACKAGE }, (error, stdout, stderr) => {
        resolve({ code: error?.code ?? 0, output: stdout + stderr });
      });
    });

  test('schema and migrations agree', async () => {
    expect(await script('check-drift', [])).toMatchObject({ code: 0 });
  });

  test('a changed schema is drift until its migration is written', async () => {
    const migrations = await copyOfMigrations();
    const schema = join(await directory(), 'schema.prisma');
    const original = await readFile(join(PACKAGE, 'prisma', 'schema.prisma'), 'utf8');
    await writeFile(schema, original.replace('agentVersion     String', 'agentVersion     String\n  rack String?'));
    const files = ['--schema', schema, '--migrations', migrations];

    const drifted = await script('check-drift', files);
    expect(drifted).toMatchObject({ code: 1 });
    expect(drifted.output).toContain('ADD COLUMN');
    expect(await script('migration', ['add_rack', ...files])).toMatchObject({ code: 0 });
    const [written] = (await readdir(migrations)).filter((name) => name.endsWith('_add_rack'));
    expect(await readFile(join(migrations, written!, 'migration.sql'), 'utf8')).toContain('ADD COLUMN');
    expect(await script('check-drift', files)).toMatchObject({ code: 0 });
    expect(await script('migration', ['add_rack', ...files])).toMatchObject({ code: 1 });
  });

  test('a migration without a proper name is refused', async () => {
    expect(await script('migration', ['../evil'])).toMatchObject({ code: 2 });
  });
});
