/** What the migrations lack of the schema: both scripts' question. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { PGlite } from '@electric-sql/pglite';

import { applyMigrations } from '../src/apply-migrations.js';
import { createEmbeddedPool } from '../src/embedded-pool.js';
import { loadMigrations } from '../src/migrations.js';
import { migrationsDirectory, schemaFile } from '../src/package-paths.js';
import { diffDatabaseToSchema } from './schema-engine.js';

/** Which files a script is about: this package's, or those of a test. */
export interface SchemaFiles {
  readonly schema: string;
  readonly migrations: string;
}

/** Reads `--schema` and `--migrations`, and returns what else the command line holds. */
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

/** The SQL that is missing between all migrations, applied to an empty database, and the schema. */
export async function diffMigrationsToSchema({ schema, migrations }: SchemaFiles): Promise<string> {
  const pglite = await PGlite.create();
  const pool = createEmbeddedPool(pglite);
  try {
    const client = await pool.connect();
    try {
      await applyMigrations(client, await loadMigrations(migrations));
    } finally {
      client.release();
    }
    return await diffDatabaseToSchema(pool, await readFile(schema, 'utf8'));
  } finally {
    await pool.end();
    await pglite.close();
  }
}
