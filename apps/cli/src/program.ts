import { Command, CommanderError } from 'commander';
import { addBackupCommand } from './commands/backup.js';
import { addContainersCommand } from './commands/containers.js';
import { addEnrollTokenCommand } from './commands/enroll-token.js';
import { addEventsCommand } from './commands/events.js';
import { addExportCommand } from './commands/export.js';
import { addHostsCommand } from './commands/hosts.js';
import { addLoginCommands } from './commands/login.js';
import { addRestoreCommand } from './commands/restore.js';
import { CommandError, ExitCodes, type ExitCode } from './exit.js';
import type { Terminal } from './terminal.js';

const EXIT_CODES = `
Exit codes: ${ExitCodes.ok} done, ${ExitCodes.failed} could not be done, ${ExitCodes.usage} wrong command line,
${ExitCodes.refused} the key is not good or may not do this, ${ExitCodes.unreachable} no answer, or too much to do there.`;

/** The whole command line. Each command adds itself and knows nothing of the others. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('muster')
    .description("What an operator of Muster does from a terminal.\n'muster help COMMAND' tells more of each command.")
    .addHelpText('after', EXIT_CODES)
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(see --help)')
    .exitOverride();
  addLoginCommands(program, terminal);
  addHostsCommand(program, terminal);
  addContainersCommand(program, terminal);
  addEventsCommand(program, terminal);
  addEnrollTokenCommand(program, terminal);
  addExportCommand(program, terminal);
  addBackupCommand(program, terminal);
  addRestoreCommand(program, terminal);
  return program;
}

/** Runs a command line (without the program's name) to its end. Resolves with the exit code; only a defect rejects. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    // `pnpm muster -- backup` hands the separator on.
    await createProgram(terminal).parseAsync(args[0] === '--' ? args.slice(1) : args, { from: 'user' });
    return ExitCodes.ok;
  } catch (error) {
    // Commander has said it already, and what it throws after --help is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCodes.ok : ExitCodes.usage;
    if (!(error instanceof CommandError)) throw error;
    terminal.err(`muster: ${error.message}\n`);
    return error.exitCode;
  }
}
