/** Compares the migrations with the schema, for both scripts. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { applyMigrations } from '../src/apply-migrations.js';
import { openInMemory } from '../src/embedded-database.js';
import { createEmbeddedPool } from '../src/embedded-pool.js';
import { loadMigrations } from '../src/migrations.js';
import { migrationsDirectory, schemaFile } from '../src/package-paths.js';
import { findTemplate } from '../src/template.js';
import { diffDatabaseToSchema } from './schema-engine.js';

/** The files to compare: this package's, or those of a test. */
export interface SchemaFiles {
  readonly schema: string;
  readonly migrations: string;
}

/** Parses `--schema`, `--migrations` and `--empty`, and returns the remaining arguments as well. */
export function parseSchemaArguments(): { files: SchemaFiles; positionals: string[]; empty: boolean } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      schema: { type: 'string', default: schemaFile },
      migrations: { type: 'string', default: migrationsDirectory },
      empty: { type: 'boolean', default: false },
    },
  });
  return { files: { schema: values.schema, migrations: values.migrations }, positionals, empty: values.empty };
}

/** Returns the SQL that turns an empty database with all migrations applied into the schema. */
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
