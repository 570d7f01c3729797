/** The embedded database's files: who may open them, and what becomes of a first start that was cut off. */
import { access, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { acquireDirectoryLock, DirectoryLockedError, type DirectoryLock } from '@muster/directory-lock';

import { DatabaseLockedError, DatabaseUnreachableError, DatabaseUnsuitableError } from './errors.js';

/** Inside the data directory: PostgreSQL's own files. */
const POSTGRES_DIRECTORY = 'postgres';

/** Lies beside them until they are complete. Where it still lies at a start, nobody was ever told of any data. */
const UNFINISHED_MARKER = 'postgres.unfinished';

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
 * @throws DatabaseLockedError | DatabaseUnreachableError | DatabaseUnsuitableError
 */
export async function openDataDirectory(
  dataDir: string,
  findTemplate: () => Promise<Blob | null>,
): Promise<EmbeddedDatabase> {
  const directory = resolve(dataDir);
  const lock = await lockDirectory(directory);
  try {
    const postgres = join(directory, POSTGRES_DIRECTORY);
    const marker = join(directory, UNFINISHED_MARKER);
    if (await exists(marker)) await rm(postgres, { recursive: true, force: true });
    const isNew = !(await exists(postgres));
    if (isNew) await createDurably(marker);
    // Without that file PGlite would take them for nothing, and make a new database on top of them.
    else if (!(await exists(join(postgres, 'PG_VERSION')))) throw unusable(postgres, 'PG_VERSION is missing');
    const template = isNew ? await findTemplate() : null;
    const pglite = await createPglite(postgres, template);
    return {
      pglite,
      complete: () => (isNew ? removeDurably(marker) : Promise.resolve()),
      close: async () => {
        try {
          await pglite.close();
        } finally {
          await lock.release();
        }
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function lockDirectory(directory: string): Promise<DirectoryLock> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await acquireDirectoryLock(directory);
  } catch (error) {
    if (error instanceof DirectoryLockedError) throw new DatabaseLockedError(directory);
    throw new DatabaseUnreachableError(`in ${directory}`, messageOf(error), { cause: error });
  }
}

async function createPglite(directory: string, template: Blob | null): Promise<PGlite> {
  try {
    return await PGlite.create({
      dataDir: directory,
      extensions: EMBEDDED_EXTENSIONS,
      ...(template === null ? {} : { loadDataDir: template }),
    });
  } catch (error) {
    throw unusable(directory, messageOf(error), { cause: error });
  }
}

function unusable(directory: string, reason: string, options?: ErrorOptions): DatabaseUnsuitableError {
  return new DatabaseUnsuitableError(
    `The database files in ${directory} cannot be opened, they are damaged or of another version: ${reason}`,
    options,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function createDurably(path: string): Promise<void> {
  await (await open(path, 'w', 0o600)).close();
  await syncDirectory(dirname(path));
}

async function removeDurably(path: string): Promise<void> {
  await rm(path);
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
