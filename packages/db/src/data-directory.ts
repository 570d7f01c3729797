/** The data directory of the embedded database: its paths, its lock and its permissions. */
import { constants } from 'node:fs';
import { access, chmod, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import {
  acquireDirectoryLock,
  DirectoryLockedError,
  explainDirectoryError,
  makeDirectory,
  type DirectoryLock,
} from '@muster/directory-lock';

import { DatabaseLockedError, DataDirectoryError } from './errors.js';

/** Paths in a data directory. All paths except `directory` may be missing, depending on the state of the database. */
export interface DataDirectoryPaths {
  readonly directory: string;
  /** PostgreSQL's files. */
  readonly postgres: string;
  /**
   * The marker file that exists until `postgres` is complete. If it exists at the start of Muster, the first start was
   * interrupted before any write was acknowledged.
   */
  readonly unfinished: string;
  /** The directory of a restore in progress, which is renamed to `postgres` when the restore is complete. */
  readonly restoring: string;
  /** The record of a move to a server: see `move-record.ts`. */
  readonly moved: string;
}

export function dataDirectoryPaths(dataDir: string): DataDirectoryPaths {
  const directory = resolve(dataDir);
  return {
    directory,
    postgres: join(directory, 'postgres'),
    unfinished: join(directory, 'postgres.unfinished'),
    restoring: join(directory, 'postgres.restoring'),
    moved: join(directory, 'moved-to-postgresql.json'),
  };
}

/** All permissions of the group and of other users. */
const GROUP_AND_OTHERS_MASK = 0o077;

/** The sticky bit, which is set on directories to which several users write, such as /tmp. */
const STICKY_BIT = 0o1000;

/**
 * Creates a data directory if it is missing, and locks it. Afterwards, only the directory's owner can enter it and
 * access the database files in it.
 *
 * @throws DatabaseLockedError
 * @throws DataDirectoryError, also if the access of other users cannot be removed.
 */
export async function lockDataDirectory(directory: string): Promise<DirectoryLock> {
  return withDataDirectoryErrors(directory, async () => {
    // The mode applies only to a directory that is created, not to an existing volume.
    await makeDirectory(directory, 0o700);
    await restrictToOwner(directory);
    const lock = await acquireDirectoryLock(directory);
    try {
      await restrictTree(dataDirectoryPaths(directory).postgres);
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  });
}

/**
 * Sets mode 0700 if other users have any permission. Then checks the mode, because some file systems ignore the change.
 */
async function restrictToOwner(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { mode } = await handle.stat();
    if ((mode & GROUP_AND_OTHERS_MASK) === 0) return;
    if ((mode & STICKY_BIT) !== 0) throw accessibleToOthersError(directory, mode);
    try {
      await handle.chmod(0o700);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM')
        throw accessibleToOthersError(directory, mode, { cause: error });
      throw error;
    }
    const { mode: changed } = await handle.stat();
    if ((changed & GROUP_AND_OTHERS_MASK) !== 0) throw accessibleToOthersError(directory, changed);
  } finally {
    await handle.close();
  }
}

const accessibleToOthersError = (directory: string, mode: number, options?: ErrorOptions): DataDirectoryError =>
  new DataDirectoryError(
    directory,
    `other users of this machine can enter it (mode ${(mode & 0o7777).toString(8).padStart(4, '0')}) and this user ` +
      'cannot change that; set MUSTER_DATA_DIR to another directory, for example a new one inside it',
    options,
  );

/**
 * Removes all permissions of other users from a directory and everything in it. Does nothing if the directory does not
 * exist. PGlite creates its files with mode 0666 regardless of the umask. Symbolic links are neither followed nor
 * changed.
 */
async function restrictTree(directory: string): Promise<void> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await chmod(directory, 0o700);
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await restrictTree(path);
    else if (entry.isFile()) await chmod(path, 0o600);
  }
}

/**
 * Runs an action in a data directory, and translates system errors into `DataDirectoryError`.
 *
 * @throws DatabaseLockedError | DataDirectoryError, and any other error of `action`.
 */
export async function withDataDirectoryErrors<T>(directory: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DirectoryLockedError) throw new DatabaseLockedError(directory);
    const reason = await explainDirectoryError(error, directory);
    if (reason !== null) throw new DataDirectoryError(directory, reason, { cause: error });
    throw error;
  }
}

export async function pathExists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export async function createFileDurably(path: string): Promise<void> {
  await (await open(path, 'w', 0o600)).close();
  await syncDirectory(dirname(path));
}

export async function removeDurably(path: string): Promise<void> {
  await rm(path);
  await syncDirectory(dirname(path));
}

export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
