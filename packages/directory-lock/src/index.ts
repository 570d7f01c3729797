/** An exclusive lock on a directory: see directory-lock.ts for what it guarantees and how. */
export { acquireDirectoryLock, type DirectoryLock } from './directory-lock.js';
export { DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
