import type { Command } from 'commander';
import { readSecret } from '../env.js';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';
import { dataDirOption, withEmbeddedDatabase } from './embedded-database.js';

/** Adds the command `muster move-database`. */
export function addMoveDatabaseCommand(program: Command, terminal: Terminal): void {
  program
    .command('move-database')
    .summary('move the embedded database to PostgreSQL')
    .description(
      'Copies all data of the embedded database to an empty PostgreSQL database, and compares every table there with\n' +
        'the original. Stop Muster first. Either everything is moved or nothing: after a failure, run the same command\n' +
        'again. The embedded database does not change. Afterwards, Muster does not start on it until you delete the file\n' +
        'moved-to-postgresql.json in its directory.\n\n' +
        'Give the URL with --to, in DATABASE_URL, or in a file whose path is DATABASE_URL_FILE. Other users of the\n' +
        'machine can see a password in --to in the list of processes, but not a password in these variables.',
    )
    .addOption(dataDirOption(terminal))
    .option('--to <url>', "the database's URL: postgresql://user@host:5432/database")
    .action(async ({ dataDir, to }: { dataDir: string; to?: string }) => {
      const url = targetUrl(terminal, to);
      const { directory, location, tables, isRepeated } = await withEmbeddedDatabase(dataDir, ({ moveDatabase }) =>
        moveDatabase({ dataDir, url, signal: terminal.interrupted }),
      );
      const width = Math.max(...tables.map(({ table }) => table.length));
      for (const { table, rows } of tables) terminal.out(`${table.padEnd(width)}  ${String(rows).padStart(9)}\n`);
      const rows = tables.reduce((sum, table) => sum + table.rows, 0);
      const result = isRepeated ? 'an earlier call had already moved' : 'all digests are equal; moved';
      terminal.out(
        `${result} ${rows} rows of ${tables.length} tables to ${location}\n` +
          'Next: set DATABASE_URL to this database, remove no other setting, and start Muster. Muster no longer starts\n' +
          `on ${directory}. Keep this directory until Muster has run on PostgreSQL and you have a backup.\n`,
      );
    });
}

/**
 * Returns the URL of the option or of the environment. @throws CommandError if there is no URL, or if it is not valid.
 */
function targetUrl(terminal: Terminal, to: string | undefined): string {
  if (to !== undefined) {
    const url = requireUrl(to, '--to must be');
    if (new URL(url).password !== '') {
      terminal.err(
        'muster: warning: other users of this machine can see the password in --to in the list of processes: ' +
          'use DATABASE_URL or DATABASE_URL_FILE\n',
      );
    }
    return url;
  }
  const url = readSecret(terminal.env, 'DATABASE_URL');
  if (url === undefined) {
    throw new CommandError('no database given: set DATABASE_URL or DATABASE_URL_FILE, or use --to', ExitCodes.usage);
  }
  const isSet = Boolean(terminal.env['DATABASE_URL']);
  return requireUrl(url, isSet ? 'DATABASE_URL must be' : 'the file that DATABASE_URL_FILE names must contain');
}

/** @throws CommandError if the text is not a URL of PostgreSQL. The message does not contain the text. */
function requireUrl(text: string, requirement: string): string {
  if (/^postgres(ql)?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')) return text;
  throw new CommandError(`${requirement} a URL such as postgresql://user:password@host:5432/database`, ExitCodes.usage);
}
