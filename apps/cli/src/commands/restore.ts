import type { Command } from 'commander';
import type { Terminal } from '../terminal.js';
import { dataDirOption, onEmbeddedDatabase } from './embedded-database.js';

/** `muster restore FILE`. */
export function addRestoreCommand(program: Command, terminal: Terminal): void {
  program
    .command('restore')
    .summary('make an embedded database of a backup')
    .description(
      'Makes the embedded database of a backup in an empty directory, all of it or nothing.\n' +
        'Hosts whose present or previous token is in the backup report again by themselves, within an hour.\n' +
        'Hosts that were enrolled after the backup, or have rotated their token twice since, keep asking:\n' +
        'give them a new enrollment token. What was revoked after the backup is valid again: revoke it again.',
    )
    .argument('<file>', 'the backup')
    .addOption(dataDirOption(terminal))
    .action(async (file: string, { dataDir }: { dataDir: string }) => {
      const { rows, createdAt, directory } = await onEmbeddedDatabase(({ restore }) => restore({ dataDir, file }));
      terminal.out(`${directory}: ${rows} rows as of ${createdAt}\n`);
    });
}
