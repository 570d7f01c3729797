/** Explains errors of the server to which data is moved. */
import { isUnavailable } from '../classify-error.js';
import {
  DataDirectoryError,
  DatabaseAccessError,
  DatabaseAdminError,
  DatabaseUnreachableError,
  MigrationFailedError,
  MoveError,
} from '../errors.js';

const INSUFFICIENT_PRIVILEGE = '42501';
const DATABASE_MISSING = '3D000';

/** Matches PostgreSQL's codes of the class "invalid authorization specification". */
const LOGIN_REJECTED = /^28...$/;

/** The end of node-postgres's message if the server asks for a password and none is set (pg 8.23.1). */
const PASSWORD_MISSING = 'client password must be a string';

/** PostgreSQL's codes for a full disk and for too little memory, which a repeated attempt does not fix. */
const RESOURCE_EXHAUSTED = /^53[12]00$/;

/** Returns the error to show for an error of the server, or of the connection to it. `location` has no password. */
export function explainServerError(error: unknown, location: string): unknown {
  // The embedded database has the same error codes as a server.
  if (error instanceof DataDirectoryError) return error;
  const { code } = causeOf(error);
  if (code === INSUFFICIENT_PRIVILEGE) {
    const isExplained = error instanceof MigrationFailedError && error.message.includes('extension');
    const message = isExplained ? error.message : missingPermissionMessage(error, location);
    return new DatabaseAccessError(message, { cause: error });
  }
  if (code !== undefined && LOGIN_REJECTED.test(code)) {
    return new DatabaseAccessError(`${location} rejects the user: ${causeOf(error).message}.`, { cause: error });
  }
  if (causeOf(error).message.includes(PASSWORD_MISSING)) {
    return new DatabaseAccessError(`${location} requires a password: add it to the URL.`, { cause: error });
  }
  if (code === DATABASE_MISSING) {
    return new MoveError(`${location} does not exist: create it, for example with createdb.`, { cause: error });
  }
  if (code !== undefined && RESOURCE_EXHAUSTED.test(code)) return toMoveError(error, location);
  if (error instanceof DatabaseAdminError && !(error instanceof MigrationFailedError)) return error;
  if (isUnavailable(causeOf(error))) {
    return new DatabaseUnreachableError(location, `${causeOf(error).message}; nothing was moved`, { cause: error });
  }
  return error instanceof MigrationFailedError || code === undefined ? error : toMoveError(error, location);
}

/** Returns the error of the driver. */
function causeOf(error: unknown): { code?: string; message: string } {
  return (error instanceof DatabaseAdminError ? (error.cause ?? error) : error) as { code?: string; message: string };
}

const missingPermissionMessage = (error: unknown, location: string): string =>
  `This user may not create tables in ${location} (${causeOf(error).message}): use the database's owner. ` +
  'Nothing was moved.';

const toMoveError = (error: unknown, location: string): MoveError =>
  new MoveError(`The move to ${location} failed: ${causeOf(error).message}. Nothing was moved.`, { cause: error });
