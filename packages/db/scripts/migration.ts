/**
 * `pnpm db:migration NAME`: writes a migration for the changes of the schema. `--empty` writes one to fill in by hand.
 * The script does not apply the migration: Muster does, when it next opens a database.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { InvalidArgumentError } from 'commander';

import { createSchemaCommand, diffMigrationsToSchema, type SchemaFiles } from './diff-migrations.js';

function parseName(name: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new InvalidArgumentError('Use lower case and underscores.');
  return name;
}

const program = createSchemaCommand('pnpm db:migration')
  .argument('<name>', 'in lower case with underscores, such as add_host_labels', parseName)
  .option('--empty', 'write a migration to fill in by hand')
  .parse();
const [name] = program.processedArgs as [string];
const { empty = false, ...files } = program.opts<SchemaFiles & { empty?: boolean }>();
const sql = empty
  ? '-- What this does, and why it is safe on a large database.\n'
  : await diffMigrationsToSchema(files);
if (sql === '') {
  console.error('The schema has not changed since the last migration.');
  process.exitCode = 1;
} else {
  const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const directory = join(files.migrations, `${timestamp}_${name}`);
  await mkdir(directory);
  await writeFile(join(directory, 'migration.sql'), sql);
  console.log(`${sql}\nWritten to ${relative(process.cwd(), directory)}: read it, then "pnpm build".`);
}
