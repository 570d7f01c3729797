/** Muster's database: the Prisma client on PostgreSQL or the embedded PGlite, its migrations and errors. */
export { makeDirectory } from '@muster/directory-lock';
export { isReadOnly, isSerializationFailure, isTimeout, isUnavailable, isUniqueViolation } from './classify-error.js';
export type { Database, DatabaseEngine, Statement } from './database.js';
export {
  DataDirectoryError,
  DatabaseLockedError,
  DatabaseAdminError,
  DatabaseReadOnlyError,
  DatabaseTooNewError,
  DatabaseUnreachableError,
  DatabaseUnsuitableError,
  MigrationFailedError,
  MigrationHistoryError,
} from './errors.js';
export * from './generated/prisma/client.js';
export { LongText } from './long-text.js';
export { openDatabase, type DatabaseOptions, type DatabaseTarget } from './open-database.js';
export { transact } from './transact.js';
