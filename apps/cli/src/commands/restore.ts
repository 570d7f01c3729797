import type { Command } from 'commander';
import type { Terminal } from '../terminal.js';
import { dataDirOption, withEmbeddedDatabase } from './embedded-database.js';

/** Adds the command `muster restore FILE`. */
export function addRestoreCommand(program: Command, terminal: Terminal): void {
  program
    .command('restore')
    .summary('restore a backup into a new embedded database')
    .description(
      'Creates an embedded database from a backup, in an empty directory. Either everything is restored or nothing.\n' +
        'Hosts whose current or previous token is in the backup report again within an hour, automatically. Hosts that\n' +
        'enrolled after the backup, or have rotated their token twice since then, need a new enrollment token.\n' +
        'Anything revoked after the backup is valid again: revoke it again.',
    )
    .argument('<file>', 'the backup file to read')
    .addOption(dataDirOption(terminal))
    .action(async (file: string, { dataDir }: { dataDir: string }) => {
      const { rows, createdAt, directory } = await withEmbeddedDatabase(dataDir, ({ restoreBackup }) =>
        restoreBackup({ dataDir, file }),
      );
      terminal.out(`${directory}: ${rows} rows as of ${createdAt}\n`);
    });
}
