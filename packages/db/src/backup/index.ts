/** Backup and restore of the embedded database. A separate entry point, because it does not need the Prisma client. */
export { backUp, type BackupOptions, type BackupSummary } from './backup.js';
export { restore, type RestoreOptions, type RestoreSummary } from './restore.js';
export { DatabaseOpenError } from '../errors.js';
