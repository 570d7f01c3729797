/** Opens the embedded database, and knows what becomes of a first start that was cut off. */
import { rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';

import {
  createDurably,
  dataDirectoryPaths,
  exists,
  explained,
  lockDataDirectory,
  removeDurably,
} from './data-directory.js';
import { DataDirectoryError, DatabaseUnsuitableError } from './errors.js';

/** PostgreSQL takes room for its log by files of 16 MiB, and a start may need one before it can say anything. */
const FREE_BYTES_MIN = 32 * 1024 * 1024;

/** What the migrations' `CREATE EXTENSION` takes its files from. Every PGlite that opens a database of ours has them. */
export const EMBEDDED_EXTENSIONS = { pg_trgm };

/** An open PGlite, to be closed with `close` alone. */
export interface EmbeddedDatabase {
  readonly pglite: PGlite;
  /** To be called once the migrations are in: from here on the files are worth keeping. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** A database that is gone when it is closed. */
export async function openInMemory(template: Blob | null): Promise<EmbeddedDatabase> {
  const pglite = await PGlite.create({
    extensions: EMBEDDED_EXTENSIONS,
    ...(template === null ? {} : { loadDataDir: template }),
  });
  return { pglite, complete: () => Promise.resolve(), close: () => pglite.close() };
}

/**
 * Opens the database of a directory, which is made if need be. One process at a time may have it open: two would
 * destroy each other's data without an error.
 *
 * @throws DatabaseLockedError | DataDirectoryError | DatabaseUnsuitableError
 */
export async function openDataDirectory(
  dataDir: string,
  findTemplate: () => Promise<Blob | null>,
): Promise<EmbeddedDatabase> {
  const { directory, postgres, unfinished, restoring } = dataDirectoryPaths(dataDir);
  const lock = await lockDataDirectory(directory);
  try {
    return await explained(directory, async () => {
      // A new database in its place would look as if the backup had been empty.
      if (await exists(restoring)) {
        throw new DataDirectoryError(directory, `a restore was cut off in it: run that again, or remove ${restoring}`);
      }
      if (await exists(unfinished)) await rm(postgres, { recursive: true, force: true });
      const isNew = !(await exists(postgres));
      if (isNew) await createDurably(unfinished);
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
 * Opens the files that are there. Their directory's lock must be held.
 *
 * @throws DatabaseUnsuitableError | DataDirectoryError
 */
export async function openPglite(postgres: string): Promise<PGlite> {
  // Without that file PGlite would take them for nothing, and make a new database on top of them.
  if (!(await exists(join(postgres, 'PG_VERSION')))) throw unusable(postgres, 'PG_VERSION is missing');
  return createPglite(postgres, null);
}

/**
 * Makes a database's files, from a template where there is one. Their directory's lock must be held.
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
    // What PGlite says of a full disk is "[object Object]" or "failed to initialize properly".
    const { bavail, bsize } = await statfs(dirname(postgres));
    if (bavail * bsize < FREE_BYTES_MIN) {
      const free = Math.floor((bavail * bsize) / (1024 * 1024));
      throw new DataDirectoryError(postgres, `its disk is full (${free} MiB are left, it takes 32 to start)`, {
        cause: error,
      });
    }
    throw unusable(postgres, error instanceof Error ? error.message : 'PGlite does not say why', { cause: error });
  }
}

function unusable(directory: string, reason: string, options?: ErrorOptions): DatabaseUnsuitableError {
  return new DatabaseUnsuitableError(
    `The database files in ${directory} cannot be opened, they are damaged or of another version: ${reason}. ` +
      'What another version wrote, that version can back up ("muster backup") and this one restore.',
    options,
  );
}
