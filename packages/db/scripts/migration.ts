/**
 * `pnpm db:migration NAME`: writes a migration for the changes of the schema. `--empty` writes one to fill in by hand.
 * It applies nothing: Muster applies it when it next opens a database.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { diffMigrationsToSchema, parseSchemaArguments } from './diff-migrations.js';

const { files, positionals, empty } = parseSchemaArguments();
const name = positionals[0] ?? '';

if (positionals.length !== 1 || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('Usage: pnpm db:migration NAME [--empty]\nNAME must be lower case with underscores: add_host_labels.');
  process.exitCode = 2;
} else {
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
}
