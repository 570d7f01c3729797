/** An exclusive lock on a directory. directory-lock.ts describes its guarantees and its algorithm. */
export { acquireDirectoryLock, type DirectoryLock } from './directory-lock.js';
export { DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
