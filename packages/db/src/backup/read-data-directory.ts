/** Opens an embedded database to read all of its data. */
import type pg from 'pg';

import { dataDirectoryPaths, lockDataDirectory, pathExists, withDataDirectoryErrors } from '../data-directory.js';
import { openPglite } from '../embedded-database.js';
import { createEmbeddedPool } from '../embedded-pool.js';
import { BackupError } from '../errors.js';

/**
 * Runs an action on the database of a data directory. The directory's lock ensures that no other process has the
 * database open at the same time. Applies no migrations, so the database may be from an older version of Muster.
 *
 * @throws DatabaseLockedError while a process has the database open.
 * @throws BackupError if the directory has no database.
 * @throws DataDirectoryError | DatabaseUnsuitableError
 */
export async function readDataDirectory<T>(dataDir: string, action: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const { directory, postgres, unfinished } = dataDirectoryPaths(dataDir);
  if (!(await withDataDirectoryErrors(directory, () => pathExists(postgres)))) {
    throw new BackupError(`There is no database in ${directory}.`);
  }
  const lock = await lockDataDirectory(directory);
  try {
    if (await pathExists(unfinished)) {
      throw new BackupError(`The first start with ${directory} was interrupted: this directory contains no data yet.`);
    }
    return await withPglite(postgres, action);
  } finally {
    await lock.release();
  }
}

async function withPglite<T>(postgres: string, action: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const pglite = await openPglite(postgres);
  try {
    const pool = createEmbeddedPool(pglite);
    const client = await pool.connect();
    try {
      return await action(client);
    } finally {
      client.release();
      await pool.end();
    }
  } finally {
    await pglite.close();
  }
}
