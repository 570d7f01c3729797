/** Shared parts of the commands that open an embedded database's directory instead of calling the API. */
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

/** Runs an action on the embedded database. Converts a DatabaseOpenError to a CommandError. */
export async function onEmbeddedDatabase<T>(
  // eslint-disable-next-line @typescript-eslint/consistent-type-imports -- only import() can name a module's type
  action: (database: typeof import('@muster/db/backup')) => Promise<T>,
): Promise<T> {
  // The import is dynamic, because loading the database would slow down all other commands.
  const database = await import('@muster/db/backup');
  // With the default umask, PGlite would create directories that other users can enter.
  process.umask(0o077);
  try {
    return await action(database);
  } catch (error) {
    if (!(error instanceof database.DatabaseOpenError)) throw error;
    const isRefused = error instanceof database.DatabaseAccessError;
    const isUnreachable = error instanceof database.DatabaseUnreachableError;
    const exitCode = isRefused ? ExitCodes.refused : isUnreachable ? ExitCodes.unreachable : ExitCodes.failed;
    throw new CommandError(error.message, exitCode, { cause: error });
  }
}
