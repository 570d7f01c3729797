/** What the commands share that work on an embedded database's directory, not over HTTP. */
import { Option } from 'commander';
import { CommandError } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** `--data-dir`, with the API's own default. */
export const dataDirOption = ({ env }: Terminal): Option =>
  new Option('-d, --data-dir <directory>', "the embedded database's directory").default(
    env['MUSTER_DATA_DIR'] || '.muster/data',
    '$MUSTER_DATA_DIR, else .muster/data',
  );

/** Runs what works on the database, whose errors are lines for whoever started it. */
export async function onEmbeddedDatabase<T>(
  // eslint-disable-next-line @typescript-eslint/consistent-type-imports -- the module's own type, which has no name
  action: (database: typeof import('@muster/db/backup')) => Promise<T>,
): Promise<T> {
  // Only here: other commands shall not wait until a database is loaded that they have no use for.
  const database = await import('@muster/db/backup');
  // PGlite creates directories that every user may enter otherwise.
  process.umask(0o077);
  try {
    return await action(database);
  } catch (error) {
    if (error instanceof database.DatabaseOpenError) throw new CommandError(error.message, undefined, { cause: error });
    throw error;
  }
}
