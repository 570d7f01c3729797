/** The embedded database's directory: what lies in it, and who may use it. */
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import {
  acquireDirectoryLock,
  DirectoryLockedError,
  DirectoryLockUnavailableError,
  type DirectoryLock,
} from '@muster/directory-lock';

import { DatabaseLockedError, DataDirectoryError } from './errors.js';

/** Why the system refuses, by its code, in words for whoever starts Muster. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'there is a file of that name',
  ENOENT: 'it does not exist',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'this process has too many files open',
};

/** The paths of a data directory. Which of the last three is there tells what became of its database. */
export interface DataDirectoryPaths {
  readonly directory: string;
  /** PostgreSQL's own files. */
  readonly postgres: string;
  /** Lies beside them until they are complete. Where it still lies at a start, nobody was ever told of any data. */
  readonly unfinished: string;
  /** What a restore works on: it becomes `postgres` when all of it is in. */
  readonly restoring: string;
}

export function dataDirectoryPaths(dataDir: string): DataDirectoryPaths {
  const directory = resolve(dataDir);
  return {
    directory,
    postgres: join(directory, 'postgres'),
    unfinished: join(directory, 'postgres.unfinished'),
    restoring: join(directory, 'postgres.restoring'),
  };
}

/**
 * Makes the directory if need be, for its owner alone, and takes its lock.
 *
 * @throws DatabaseLockedError | DataDirectoryError
 */
export async function lockDataDirectory(directory: string): Promise<DirectoryLock> {
  return explained(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return acquireDirectoryLock(directory);
  });
}

/**
 * Does something in a data directory, and says in words of ours why the system would not have it.
 *
 * @throws DatabaseLockedError | DataDirectoryError, and what else `action` throws.
 */
export async function explained<T>(directory: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DirectoryLockedError) throw new DatabaseLockedError(directory);
    const reason = reasonOf(error);
    if (reason !== null) throw new DataDirectoryError(directory, reason, { cause: error });
    throw error;
  }
}

/** Null where it is none of the system's. */
function reasonOf(error: unknown): string | null {
  if (error instanceof DirectoryLockUnavailableError) {
    return reasonOf(error.cause) ?? error.reason;
  }
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === undefined ? null : (REASONS[code] ?? null);
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export async function createDurably(path: string): Promise<void> {
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
