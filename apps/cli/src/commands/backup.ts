import type { Command } from 'commander';
import type { Terminal } from '../terminal.js';
import { dataDirOption, withEmbeddedDatabase } from './embedded-database.js';

/** Adds the command `muster backup FILE`. */
export function addBackupCommand(program: Command, terminal: Terminal): void {
  program
    .command('backup')
    .summary('back up the embedded database to a file')
    .description(
      'Writes all data of the embedded database to one file, which any later version of Muster can restore.\n' +
        'Stop Muster first. The file contains the hashes of tokens and keys: protect it as carefully as the database.',
    )
    .argument('<file>', 'the backup file to write')
    .addOption(dataDirOption(terminal))
    .option('-f, --force', 'overwrite an existing file')
    .action(async (file: string, { dataDir, force = false }: { dataDir: string; force?: boolean }) => {
      const summary = await withEmbeddedDatabase(dataDir, ({ backUpDatabase }) =>
        backUpDatabase({ dataDir, file, force }),
      );
      terminal.out(`${summary.file}: ${summary.rows} rows of ${summary.tables} tables in ${summary.bytes} bytes\n`);
    });
}
