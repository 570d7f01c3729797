import type { Command } from 'commander';
import type { Terminal } from '../terminal.js';
import { dataDirOption, onEmbeddedDatabase } from './embedded-database.js';

/** `muster backup FILE`. */
export function addBackupCommand(program: Command, terminal: Terminal): void {
  program
    .command('backup')
    .summary('back the embedded database up into a file')
    .description(
      'Writes all that the embedded database holds into one file, which any later version of Muster can restore.\n' +
        'Muster must not be running on it. The file holds the hashes of tokens and keys: keep it as you keep those.',
    )
    .argument('<file>', 'where the backup goes')
    .addOption(dataDirOption(terminal))
    .option('-f, --force', 'replace a file of that name')
    .action(async (file: string, { dataDir, force = false }: { dataDir: string; force?: boolean }) => {
      const made = await onEmbeddedDatabase(({ backUp }) => backUp({ dataDir, file, force }));
      terminal.out(`${made.file}: ${made.rows} rows of ${made.tables} tables in ${made.bytes} bytes\n`);
    });
}
