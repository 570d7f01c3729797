/** Shared parts of the commands that open an embedded database's directory instead of calling the API. */
import { stat } from 'node:fs/promises';
import { Option } from 'commander';
import { parseEnv } from '../env.js';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** Creates the option `--data-dir`, which has the same default as the API. */
export const dataDirOption = ({ env }: Terminal): Option =>
  new Option('-d, --data-dir <directory>', "the embedded database's directory").default(
    parseEnv(env).MUSTER_DATA_DIR,
    '$MUSTER_DATA_DIR, else .muster/data',
  );

/**
 * Runs an action on the embedded database in a directory. Converts a DatabaseAdminError to a CommandError.
 * @throws CommandError if root runs the command and the directory belongs to another user.
 */
export async function withEmbeddedDatabase<T>(
  dataDir: string,
  // eslint-disable-next-line @typescript-eslint/consistent-type-imports -- only import() can name a module's type
  action: (database: typeof import('@muster/db/backup')) => Promise<T>,
): Promise<T> {
  await requireOwner(dataDir);
  // The import is dynamic, because loading the database would slow down all other commands.
  const database = await import('@muster/db/backup');
  // With the default umask, PGlite would create directories that other users can enter.
  const umask = process.umask(0o077);
  try {
    return await action(database);
  } catch (error) {
    if (!(error instanceof database.DatabaseAdminError)) throw error;
    const isRefused = error instanceof database.DatabaseAccessError;
    const isUnreachable = error instanceof database.DatabaseUnreachableError;
    const exitCode = isRefused ? ExitCodes.refused : isUnreachable ? ExitCodes.unreachable : ExitCodes.failed;
    throw new CommandError(error.message, exitCode, { cause: error });
  } finally {
    process.umask(umask);
  }
}

/**
 * PostgreSQL creates files whenever it opens a directory. If they belonged to root, the server could not open the
 * directory again.
 */
async function requireOwner(dataDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const owner = await stat(dataDir).then(
    ({ uid }) => uid,
    () => 0,
  );
  if (owner === 0) return;
  throw new CommandError(
    `${dataDir} belongs to the user with the ID ${owner}: run this command as that user (sudo -u '#${owner}'). The server ` +
      'could not start with files that root creates there',
    ExitCodes.failed,
  );
}
