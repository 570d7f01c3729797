/** Makes an embedded database of a backup. */
import { readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { PGlite } from '@electric-sql/pglite';
import type pg from 'pg';

import { applyMigrations } from '../apply-migrations.js';
import { dataDirectoryPaths, explained, lockDataDirectory, renameDurably } from '../data-directory.js';
import { createPglite } from '../embedded-database.js';
import { createEmbeddedPool } from '../embedded-pool.js';
import { BackupError } from '../errors.js';
import { freezeEventsOfTheFuture } from '../rebase-event-ids.js';
import { loadMigrations, type Migration } from '../migrations.js';
import { findTemplate } from '../template.js';
import type { BackupHeader } from './format.js';
import { loadBackup } from './load-backup.js';
import { readBackup } from './read-backup.js';
import type { BackupCounts } from './write-backup.js';

export interface RestoreOptions {
  readonly file: string;
  /** Made if need be; it must be empty. */
  readonly dataDir: string;
  /** Other migrations than this version's own. */
  readonly migrationsDirectory?: string;
}

export interface RestoreSummary extends BackupCounts {
  /** The absolute path. */
  readonly directory: string;
  /** When the backup was made, RFC 3339. */
  readonly createdAt: string;
  /** The migrations that this version had to apply to what was restored. */
  readonly appliedMigrations: readonly string[];
}

/**
 * Makes the database of a backup in an empty directory: all of it, or nothing. The tables are made by the migrations
 * that the backup was made with, and brought up to this version once the rows are in.
 *
 * @throws BackupError where the file is damaged, newer than this version, or the directory is not empty.
 * @throws DatabaseLockedError | DataDirectoryError | MigrationFailedError
 */
export async function restore({ file, dataDir, migrationsDirectory }: RestoreOptions): Promise<RestoreSummary> {
  const header = await verify(file);
  const migrations = await loadMigrations(migrationsDirectory);
  const applied = migrationsOf(header, migrations);
  const { directory, postgres, restoring } = dataDirectoryPaths(dataDir);
  const lock = await lockDataDirectory(directory);
  try {
    return await explained(directory, async () => {
      await requireEmpty(directory);
      try {
        const pglite = await createPglite(restoring, await findTemplate(applied));
        const filled = await fill(pglite, file, applied, migrations);
        await renameDurably(restoring, postgres);
        return { ...filled, directory, createdAt: header.createdAt };
      } catch (error) {
        await rm(restoring, { recursive: true, force: true });
        throw error;
      }
    });
  } finally {
    await lock.release();
  }
}

/** Reads all of the file before anything is made of it. */
async function verify(file: string): Promise<BackupHeader> {
  let header: BackupHeader | null = null;
  for await (const line of readBackup(resolve(file))) if (line.kind === 'header') header = line.header;
  return header!;
}

/** Those of our migrations that the backup was made with. */
function migrationsOf(header: BackupHeader, migrations: readonly Migration[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration.checksum]));
  const unknown = header.migrations.find(({ name, checksum }) => known.get(name) !== checksum);
  if (unknown !== undefined) {
    throw new BackupError(
      `The backup was made by another version of Muster (its migration ${unknown.name} is unknown here): ` +
        'restore it with that version or a later one.',
    );
  }
  const names = new Set(header.migrations.map(({ name }) => name));
  return migrations.filter(({ name }) => names.has(name));
}

/** What a restore that was cut off has left is removed; a volume of its own may have its `lost+found`. */
async function requireEmpty(directory: string): Promise<void> {
  const { restoring } = dataDirectoryPaths(directory);
  await rm(restoring, { recursive: true, force: true });
  const entries = (await readdir(directory)).filter((name) => !name.startsWith('lock') && name !== 'lost+found');
  if (entries.length > 0) {
    throw new BackupError(`The directory ${directory} is not empty: a backup is restored into an empty one.`);
  }
}

async function fill(
  pglite: PGlite,
  file: string,
  applied: readonly Migration[],
  migrations: readonly Migration[],
): Promise<BackupCounts & { appliedMigrations: string[] }> {
  const pool = createEmbeddedPool(pglite);
  try {
    const client = await pool.connect();
    try {
      await applyMigrations(client, applied);
      const counts = await loadBackup(client, readBackup(file));
      const appliedMigrations = await applyMigrations(client, migrations);
      await settle(client);
      return { ...counts, appliedMigrations };
    } finally {
      client.release();
      await pool.end();
    }
  } finally {
    await pglite.close();
  }
}

async function settle(client: pg.ClientBase): Promise<void> {
  await freezeEventsOfTheFuture(client);
  // The planner knows nothing of what came in row by row, and the embedded database has nobody who would tell it.
  await client.query('VACUUM (ANALYZE)');
  await client.query('CHECKPOINT');
}
