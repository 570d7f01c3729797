/**
 * An exclusive lock on a directory (directory-lock.ts describes the guarantees and the algorithm), and how to create such
 * a directory and explain why it cannot be used.
 */
export { acquireDirectoryLock, type DirectoryLock } from './directory-lock.js';
export { DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
export { explainDirectoryError } from './explain-error.js';
export { makeDirectory } from './make-directory.js';
