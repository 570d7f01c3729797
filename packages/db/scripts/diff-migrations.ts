/** Compares the migrations with the schema, for the scripts check-drift and migration. */
import { readFile } from 'node:fs/promises';

import { Command } from 'commander';

import { applyMigrations } from '../src/apply-migrations.js';
import { openInMemory } from '../src/embedded-database.js';
import { createEmbeddedPool } from '../src/embedded-pool.js';
import { loadMigrations } from '../src/migrations.js';
import { migrationsDirectory, schemaFile } from '../src/package-paths.js';
import { findTemplate } from '../src/template.js';
import { diffDatabaseToSchema } from './schema-engine.js';

/** The files to compare: this package's files, or the files of a test. */
export interface SchemaFiles {
  readonly schema: string;
  readonly migrations: string;
}

/** Creates a command line with the options `--schema` and `--migrations`. It exits with 2 if it is used wrongly. */
export const createSchemaCommand = (name: string): Command =>
  new Command(name)
    .option('--schema <file>', 'the Prisma schema', schemaFile)
    .option('--migrations <directory>', 'the migrations', migrationsDirectory)
    .showHelpAfterError()
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

/**
 * Returns the SQL that the migrations lack. Running it on a database with all migrations applied makes the database
 * match the schema.
 */
export async function diffMigrationsToSchema({ schema, migrations: directory }: SchemaFiles): Promise<string> {
  const migrations = await loadMigrations(directory);
  const embedded = await openInMemory(await findTemplate(migrations));
  const pool = createEmbeddedPool(embedded.pglite);
  try {
    const client = await pool.connect();
    try {
      await applyMigrations(client, migrations);
    } finally {
      client.release();
    }
    return await diffDatabaseToSchema(pool, await readFile(schema, 'utf8'));
  } finally {
    await pool.end();
    await embedded.close();
  }
}
