/** Creates an embedded database from a backup. */
import { readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { PGlite } from '@electric-sql/pglite';
import type pg from 'pg';

import { applyMigrations } from '../apply-migrations.js';
import { dataDirectoryPaths, withDataDirectoryErrors, lockDataDirectory, renameDurably } from '../data-directory.js';
import { createPglite } from '../embedded-database.js';
import { createEmbeddedPool } from '../embedded-pool.js';
import { BackupError } from '../errors.js';
import { rebaseEventIds } from '../rebase-event-ids.js';
import { loadMigrations, type Migration } from '../migrations.js';
import { findTemplate } from '../template.js';
import { findMigrations, type BackupHeader } from './format.js';
import { loadBackup } from './load-backup.js';
import { readBackup } from './read-backup.js';
import type { BackupCounts } from './write-backup.js';

export interface RestoreOptions {
  readonly file: string;
  /** The new data directory, which is created if missing and must be empty. */
  readonly dataDir: string;
  /** The directory of migrations to use instead of this version's own. */
  readonly migrationsDirectory?: string;
}

export interface RestoreSummary extends BackupCounts {
  /** The absolute path of the data directory. */
  readonly directory: string;
  /** When the backup was made, in RFC 3339 format. */
  readonly createdAt: string;
  /** Migrations of this version that were applied after the backup's rows were loaded. */
  readonly appliedMigrations: readonly string[];
}

/**
 * Restores a backup into an empty directory, completely or not at all. First applies the migrations that the backup
 * lists, then loads the rows, and then applies the newer migrations of this version.
 *
 * @throws BackupError if the file is damaged or newer than this version, or if the directory is not empty.
 * @throws DatabaseLockedError | DataDirectoryError | MigrationFailedError
 */
export async function restoreBackup({ file, dataDir, migrationsDirectory }: RestoreOptions): Promise<RestoreSummary> {
  const header = await verifyBackup(file);
  const migrations = await loadMigrations(migrationsDirectory);
  const applied = migrationsOf(header, migrations);
  const { directory, postgres, restoring } = dataDirectoryPaths(dataDir);
  const lock = await lockDataDirectory(directory);
  try {
    return await withDataDirectoryErrors(directory, async () => {
      await requireEmpty(directory);
      try {
        const pglite = await createPglite(restoring, await findTemplate(applied));
        const loadResult = await loadInto(pglite, file, applied, migrations);
        await renameDurably(restoring, postgres);
        return { ...loadResult, directory, createdAt: header.createdAt };
      } catch (error) {
        await rm(restoring, { recursive: true, force: true });
        throw error;
      }
    });
  } finally {
    await lock.release();
  }
}

/** Reads and validates the whole file, so that nothing is created from a damaged file. Returns the header. */
async function verifyBackup(file: string): Promise<BackupHeader> {
  let header: BackupHeader | null = null;
  for await (const line of readBackup(resolve(file))) if (line.kind === 'header') header = line.header;
  return header!;
}

/** Returns the part of `migrations` that was applied when the backup was made. */
function migrationsOf(header: BackupHeader, migrations: readonly Migration[]): Migration[] {
  const { known, unknown } = findMigrations(header, migrations);
  if (unknown !== null) {
    throw new BackupError(
      `The backup was made by another version of Muster (it has the unknown migration ${unknown}): ` +
        'restore it with that version or a later one.',
    );
  }
  return known;
}

/**
 * Removes the remains of an interrupted restore. Throws if the directory contains anything else, except a volume's
 * `lost+found`.
 */
async function requireEmpty(directory: string): Promise<void> {
  const { restoring } = dataDirectoryPaths(directory);
  await rm(restoring, { recursive: true, force: true });
  const entries = (await readdir(directory)).filter((name) => !name.startsWith('lock') && name !== 'lost+found');
  if (entries.length > 0) {
    throw new BackupError(`The directory ${directory} is not empty: restore the backup into an empty one.`);
  }
}

async function loadInto(
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
      await finishLoading(client);
      return { ...counts, appliedMigrations };
    } finally {
      client.release();
      await pool.end();
    }
  } finally {
    await pglite.close();
  }
}

async function finishLoading(client: pg.ClientBase): Promise<void> {
  await rebaseEventIds(client);
  // Bulk loading creates no planner statistics, and the embedded database never updates them automatically.
  await client.query('VACUUM (ANALYZE)');
  await client.query('CHECKPOINT');
}
