/**
 * Backup, restore and move of the embedded database. A separate entry point, because it does not need the Prisma
 * client.
 */
export { backUpDatabase, type BackupOptions, type BackupSummary } from './backup.js';
export { restoreBackup, type RestoreOptions, type RestoreSummary } from './restore.js';
export { moveDatabase, type MoveOptions, type MoveSummary } from './move.js';
export { DatabaseAccessError, DatabaseAdminError, DatabaseUnreachableError } from '../errors.js';
