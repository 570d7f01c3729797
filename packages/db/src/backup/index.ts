/** Backup and restore of the embedded database. An entry of its own: none of it needs the Prisma client. */
export { backUp, type BackupOptions, type BackupSummary } from './backup.js';
export { restore, type RestoreOptions, type RestoreSummary } from './restore.js';
export { DatabaseOpenError } from '../errors.js';
