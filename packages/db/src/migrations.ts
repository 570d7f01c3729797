/** Loads this version's migrations from prisma/migrations, in Prisma's folder format. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { migrationsDirectory } from './package-paths.js';

export interface Migration {
  /** The folder's name. Migrations are applied in alphabetical order. */
  readonly name: string;
  readonly sql: string;
  /** The SHA-256 of migration.sql in hex, as recorded by Prisma. */
  readonly checksum: string;
  /** The index that the migration builds; null unless the migration consists of a single CREATE INDEX CONCURRENTLY. */
  readonly index: ConcurrentIndex | null;
}

/**
 * A large index. In a database with rows, it is built while the API serves requests. The build takes no locks that
 * block other statements.
 */
export interface ConcurrentIndex {
  readonly name: string;
  readonly table: string;
}

const CONCURRENT_INDEX = /^CREATE INDEX CONCURRENTLY "([^"]+)" ON "([^"]+)"[^;]*;?$/;

function concurrentIndexOf(sql: string): ConcurrentIndex | null {
  const statement = sql.replaceAll(/^\s*--.*$/gm, '').trim();
  const [, name, table] = CONCURRENT_INDEX.exec(statement) ?? [];
  return name === undefined || table === undefined ? null : { name, table };
}

/** Loads all migrations of a folder, in the order in which they are applied. */
export async function loadMigrations(directory: string = migrationsDirectory): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(directory, name, 'migration.sql'));
      const sql = bytes.toString('utf8');
      const checksum = createHash('sha256').update(bytes).digest('hex');
      return { name, sql, checksum, index: concurrentIndexOf(sql) };
    }),
  );
}
