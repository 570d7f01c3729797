/**
 * Errors that occur when a database is opened, migrated, backed up, restored or moved. Each message is one line for the
 * person who starts Muster or runs the command. It states what to do if that person can fix the problem.
 */

/**
 * Base class of the errors that an administrator must handle. Their cause is outside our code. Messages never contain a
 * password.
 */
export abstract class DatabaseAdminError extends Error {
  abstract readonly code: string;
}

/** Another process has the embedded database's directory open. */
export class DatabaseLockedError extends DatabaseAdminError {
  override readonly name = 'DatabaseLockedError';
  readonly code = 'database-locked';

  constructor(readonly directory: string) {
    super(
      `The data directory ${directory} is in use by another Muster process: stop that process, or use another directory.`,
    );
  }
}

/** The embedded database's directory cannot be created, locked or written to. Nothing in it was changed. */
export class DataDirectoryError extends DatabaseAdminError {
  override readonly name = 'DataDirectoryError';
  readonly code = 'data-directory';

  constructor(
    readonly directory: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`The data directory ${directory} cannot be used: ${reason}.`, options);
  }
}

/** No server responds, or the server rejects the connection. */
export class DatabaseUnreachableError extends DatabaseAdminError {
  override readonly name = 'DatabaseUnreachableError';
  readonly code = 'database-unreachable';

  constructor(location: string, reason: string, options?: ErrorOptions) {
    super(`The database ${location} cannot be reached: ${reason}.`, options);
  }
}

/**
 * Muster cannot use this database: the server is too old, the database has another application's tables, or its files
 * cannot be opened.
 */
export class DatabaseUnsuitableError extends DatabaseAdminError {
  override readonly name = 'DatabaseUnsuitableError';
  readonly code = 'database-unsuitable';
}

/** The server is read-only. `code` is PostgreSQL's code for a write on such a server (read_only_sql_transaction). */
export class DatabaseReadOnlyError extends DatabaseAdminError {
  override readonly name = 'DatabaseReadOnlyError';
  readonly code = '25006';

  constructor(location: string) {
    super(
      `The database ${location} is read-only. It may be a standby or a demoted primary: ` +
        'set DATABASE_URL to the primary, or promote this server and try again.',
    );
  }
}

/** The database has migrations that this version of Muster does not know. */
export class DatabaseTooNewError extends DatabaseAdminError {
  override readonly name = 'DatabaseTooNewError';
  readonly code = 'database-too-new';

  constructor(readonly migrations: readonly string[]) {
    super(
      `The database was written by a newer version of Muster (it has the unknown migration ${migrations.join(', ')}): ` +
        'start that version or a later one.',
    );
  }
}

/** A migration failed and was rolled back, so the database is unchanged. */
export class MigrationFailedError extends DatabaseAdminError {
  override readonly name = 'MigrationFailedError';
  readonly code = 'migration-failed';

  constructor(
    readonly migration: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`The migration ${migration} failed: ${reason}. It was rolled back, and the database is unchanged.`, options);
  }
}

/** The server rejects the user's password, or the user lacks a permission. */
export class DatabaseAccessError extends DatabaseAdminError {
  override readonly name = 'DatabaseAccessError';
  readonly code = 'database-access';
}

/** The embedded database's data was moved to a server, or a move may have been completed. */
export class DatabaseMovedError extends DatabaseAdminError {
  override readonly name = 'DatabaseMovedError';
  readonly code = 'database-moved';
}

/** A move to a server failed. The embedded database and the server's database are unchanged. */
export class MoveError extends DatabaseAdminError {
  override readonly name = 'MoveError';
  readonly code = 'move';
}

/** A backup or restore failed. Existing files and data are unchanged. */
export class BackupError extends DatabaseAdminError {
  override readonly name = 'BackupError';
  readonly code = 'backup';
}

/** The database's record of migrations contradicts the migration files. Nothing was changed. */
export class MigrationHistoryError extends DatabaseAdminError {
  override readonly name = 'MigrationHistoryError';
  readonly code = 'migration-history';

  constructor(
    readonly migration: string,
    reason: string,
  ) {
    super(`The migration ${migration} ${reason}.`);
  }
}
