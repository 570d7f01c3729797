/**
 * Tests the scripts with which developers change the schema. Runs them as processes, on copies of this package's files.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { loadMigrations } from '../src/migrations.js';
import { migrationsDirectory, schemaFile } from '../src/package-paths.js';
import { cachedTemplate } from '../src/template.js';
import { temporaryDirectory } from './fixtures.js';

const scripts = fileURLToPath(new URL('../scripts/', import.meta.url));

let folder: { path: string; remove: () => Promise<void> };
let schema: string;
let migrations: string;

beforeEach(async () => {
  folder = await temporaryDirectory();
  schema = join(folder.path, 'schema.prisma');
  migrations = join(folder.path, 'migrations');
  await cp(schemaFile, schema);
  await cp(migrationsDirectory, migrations, { recursive: true });
});
afterEach(() => folder.remove());
// Without the template, each of the scripts would take six seconds to create a database.
beforeAll(async () => cachedTemplate(await loadMigrations()));

async function edit(find: string, replacement: string): Promise<void> {
  const text = await readFile(schema, 'utf8');
  expect(text).toContain(find);
  await writeFile(schema, text.replace(find, replacement));
}

function run(script: string, ...positionals: string[]): Promise<{ code: number; output: string }> {
  const args = [...positionals, '--schema', schema, '--migrations', migrations];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=@muster/source', '--import', 'tsx', join(scripts, script), ...args],
      // Jest's own options must not apply to the script.
      { env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

describe('check-drift', () => {
  test('accepts the schema and the migrations of this version', async () => {
    expect(await run('check-drift.ts')).toEqual({ code: 0, output: expect.stringContaining('match the schema') });
  });

  test.each([
    [
      'a column',
      'engineError      String?',
      'engineError      String?\n  engineFault String?',
      'ADD COLUMN     "engineFault"',
    ],
    ['a type', 'containerCount Int ', 'containerCount BigInt ', 'SET DATA TYPE BIGINT'],
    ['the condition of an index', 'where: { deletedAt: null }', 'where: { deletedAt: { not: null } }', 'IS NOT NULL'],
    ['an index', '  @@index([organizationId, tx, id])\n', '', 'DROP INDEX "container_events_organizationId_tx_id_idx"'],
  ])('fails if the schema differs in %s', async (_what, find, replacement, expected) => {
    await edit(find, replacement);
    const { code, output } = await run('check-drift.ts');
    expect(output).toContain(expected);
    expect(code).toBe(1);
  });
});

describe('migration', () => {
  test('writes a migration after which the migrations match the schema', async () => {
    await edit('engineError      String?', 'engineError      String?\n  engineFault String?');
    expect((await run('migration.ts', 'add_engine_fault')).code).toBe(0);
    const newest = (await readdir(migrations)).filter((name) => name.endsWith('_add_engine_fault'));
    expect(newest).toEqual([expect.stringMatching(/^\d{14}_add_engine_fault$/)]);
    expect(await readFile(join(migrations, newest[0]!, 'migration.sql'), 'utf8')).toBe(
      '-- AlterTable\nALTER TABLE "hosts" ADD COLUMN     "engineFault" TEXT;\n',
    );
    expect((await run('check-drift.ts')).code).toBe(0);
    expect((await run('migration.ts', 'once_more')).output).toContain('has not changed');
  });

  test.each(['', 'Add-Fault', '../fault'])('refuses the name %j and writes nothing', async (name) => {
    const before = await readdir(migrations);
    expect(await run('migration.ts', name)).toEqual({ code: 2, output: expect.stringContaining('Usage') });
    expect(await readdir(migrations)).toEqual(before);
  });
});
