import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { codeOf, DirectoryLockUnavailableError } from './errors.js';

/** Explanations of system errors by code, as the rest of a sentence that starts with a directory's path. */
export const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a file of that name exists',
  ENOENT: 'it, or a part of its path, does not exist and cannot be created',
  ENAMETOOLONG: 'its path is too long',
  ELOOP: 'its path has a loop of symbolic links',
  EMFILE: 'this process has too many files open',
  EIO: 'its disk has an error',
};

/** All permissions of a directory's owner. */
const OWNER_MASK = 0o700;

/**
 * Explains to the person who starts this process why it cannot use `directory`: the rest of a sentence that starts with
 * the directory's path. Returns null if `error` is not a system error with a known reason.
 */
export async function explainDirectoryError(error: unknown, directory: string): Promise<string | null> {
  if (error instanceof DirectoryLockUnavailableError) {
    // EPERM is not a missing permission here: some file systems return it for a hard link.
    return codeOf(error.cause) === 'EACCES' ? explainMissingPermission(resolve(directory)) : error.reason;
  }
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') return explainMissingPermission(resolve(directory));
  return code === undefined ? null : (REASONS[code] ?? null);
}

/** Names the owner of the directory, or of the closest parent that this process can see. */
async function explainMissingPermission(directory: string): Promise<string> {
  const uid = process.getuid?.();
  const { path, entry, error } = await closestVisibleParent(directory);
  const owner = entry?.uid === 0 ? 'root' : `uid ${entry?.uid}`;
  if (uid === undefined || entry === null) return 'this user cannot write there';
  if (path !== directory) {
    return error === 'ENOENT'
      ? `it does not exist, and this user (uid ${uid}) cannot create it in ${path}: create it, and make this user its ` +
          `owner (chown ${uid} ${directory})`
      : `this user (uid ${uid}) cannot enter ${path}, which belongs to ${owner}`;
  }
  if (entry.uid !== uid) {
    return (
      `it belongs to ${owner}, but this process runs as uid ${uid}: run it as ${owner}, or make this user the owner ` +
      `(chown ${uid} ${directory})`
    );
  }
  const mode = entry.mode & 0o777;
  return (mode & OWNER_MASK) === OWNER_MASK
    ? 'this user cannot write there'
    : `its mode ${mode.toString(8).padStart(4, '0')} does not let its owner, this user, write there (chmod u+rwx ${directory})`;
}

/** Returns the closest existing parent that this process can see, and why it cannot see `directory` itself. */
async function closestVisibleParent(directory: string) {
  let error: string | undefined;
  for (let path = directory; ; path = dirname(path)) {
    try {
      return { path, entry: await stat(path), error };
    } catch (caught) {
      error ??= codeOf(caught);
      if (path === dirname(path)) return { path, entry: null, error };
    }
  }
}
