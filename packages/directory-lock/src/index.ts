/**
 * An exclusive lock on a directory. directory-lock.ts describes its guarantees and its algorithm. The package also
 * creates such a directory, and explains why it cannot be used.
 */
export { acquireDirectoryLock, type DirectoryLock } from './directory-lock.js';
export { DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
export { explainDirectoryError } from './explain-error.js';
export { makeDirectory } from './make-directory.js';
