/** Opens the embedded database, and recovers from an interrupted first start. */
import { rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';

import {
  createFileDurably,
  dataDirectoryPaths,
  pathExists,
  withDataDirectoryErrors,
  lockDataDirectory,
  removeDurably,
} from './data-directory.js';
import { DataDirectoryError, DatabaseUnsuitableError } from './errors.js';
import { refuseMovedDirectory } from './move-record.js';

/**
 * Minimum free disk space, in bytes. PostgreSQL allocates its log in files of 16 MiB, and may need such a file before
 * it can report an error.
 */
const FREE_BYTES_MIN = 32 * 1024 * 1024;

/** The extensions that the migrations create. Every PGlite instance that opens our databases must load them. */
export const EMBEDDED_EXTENSIONS = { pg_trgm };

/** An open PGlite instance. Close it only with `close`. */
export interface EmbeddedDatabase {
  readonly pglite: PGlite;
  /** Marks the database as complete, so that its files are kept. Call it once the migrations have been applied. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a database that is lost when it is closed. */
export async function openInMemory(template: Blob | null): Promise<EmbeddedDatabase> {
  const pglite = await PGlite.create({
    extensions: EMBEDDED_EXTENSIONS,
    ...(template === null ? {} : { loadDataDir: template }),
  });
  return { pglite, complete: () => Promise.resolve(), close: () => pglite.close() };
}

/**
 * Opens the database of a directory and creates it if missing. Only one process may have it open, because two would
 * corrupt each other's data without an error.
 *
 * @throws DatabaseLockedError | DatabaseMovedError | DataDirectoryError | DatabaseUnsuitableError
 */
export async function openDataDirectory(
  dataDir: string,
  findTemplate: () => Promise<Blob | null>,
): Promise<EmbeddedDatabase> {
  const { directory, postgres, unfinished, restoring } = dataDirectoryPaths(dataDir);
  const lock = await lockDataDirectory(directory);
  try {
    return await withDataDirectoryErrors(directory, async () => {
      // A restore was interrupted. An empty database must not be created now, because it would look as if the backup
      // had been empty.
      if (await pathExists(restoring)) {
        throw new DataDirectoryError(
          directory,
          `a restore into it was interrupted: repeat the restore, or delete ${restoring}`,
        );
      }
      await refuseMovedDirectory(directory);
      if (await pathExists(unfinished)) await rm(postgres, { recursive: true, force: true });
      const isNew = !(await pathExists(postgres));
      if (isNew) await createFileDurably(unfinished);
      const pglite = isNew ? await createPglite(postgres, await findTemplate()) : await openPglite(postgres);
      return {
        pglite,
        complete: () => (isNew ? removeDurably(unfinished) : Promise.resolve()),
        close: async () => {
          try {
            await pglite.close();
          } finally {
            await lock.release();
          }
        },
      };
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Opens existing database files. The caller must hold the directory's lock.
 *
 * @throws DatabaseUnsuitableError | DataDirectoryError
 */
export async function openPglite(postgres: string): Promise<PGlite> {
  // Without this file, PGlite would overwrite the other files with a new database.
  if (!(await pathExists(join(postgres, 'PG_VERSION')))) throw unusableFilesError(postgres, 'PG_VERSION is missing');
  return createPglite(postgres, null);
}

/**
 * Creates a database's files, from a template if there is one. The caller must hold the directory's lock.
 *
 * @throws DatabaseUnsuitableError | DataDirectoryError
 */
export async function createPglite(postgres: string, template: Blob | null): Promise<PGlite> {
  try {
    return await PGlite.create({
      dataDir: postgres,
      extensions: EMBEDDED_EXTENSIONS,
      ...(template === null ? {} : { loadDataDir: template }),
    });
  } catch (error) {
    // On a full disk, PGlite's message is "[object Object]" or "failed to initialize properly".
    const { bavail, bsize } = await statfs(dirname(postgres));
    if (bavail * bsize < FREE_BYTES_MIN) {
      const free = Math.floor((bavail * bsize) / (1024 * 1024));
      throw new DataDirectoryError(postgres, `its disk is full (${free} MiB are free; Muster needs 32 MiB to start)`, {
        cause: error,
      });
    }
    throw unusableFilesError(postgres, error instanceof Error ? error.message : 'PGlite gave no reason', {
      cause: error,
    });
  }
}

function unusableFilesError(directory: string, reason: string, options?: ErrorOptions): DatabaseUnsuitableError {
  return new DatabaseUnsuitableError(
    `The database files in ${directory} cannot be opened: they are damaged or from another version (${reason}). ` +
      `If another version of Muster wrote them, run that version's "muster backup", and restore the backup with this version.`,
    options,
  );
}
