/** The migrations of this version, as they lie in prisma/migrations: Prisma's own folder format. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { migrationsDirectory } from './package-paths.js';

export interface Migration {
  /** The folder's name. Their alphabetical order is the order of application. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of migration.sql in hex, as Prisma records it. */
  readonly checksum: string;
}

/** Reads all migrations of a folder, in the order in which they are applied. */
export async function loadMigrations(directory: string = migrationsDirectory): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(directory, name, 'migration.sql'));
      return { name, sql: bytes.toString('utf8'), checksum: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
}
