/** An exclusive lock on a directory. directory-lock.ts describes the guarantees and the algorithm. */
export { acquireDirectoryLock, type DirectoryLock } from './directory-lock.js';
export { DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
