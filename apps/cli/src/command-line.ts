import { MUSTER_VERSION, toTerminalText } from '@muster/contracts';
import { Command, CommanderError } from 'commander';
import { addBackupCommand } from './commands/backup.js';
import { addContainersCommand } from './commands/containers.js';
import { addEnrollTokenCommand } from './commands/enroll-token.js';
import { addEventsCommand } from './commands/events.js';
import { addExportCommand } from './commands/export.js';
import { addHostsCommand } from './commands/hosts.js';
import { addImagesCommand } from './commands/images.js';
import { addLoginCommands } from './commands/login.js';
import { addMoveDatabaseCommand } from './commands/move-database.js';
import { addRestoreCommand } from './commands/restore.js';
import { addSystemCommand } from './commands/system.js';
import { CommandError, ExitCodes, type ExitCode } from './exit.js';
import type { Terminal } from './terminal.js';

const EXIT_CODES = `
Exit codes: ${ExitCodes.ok} success, ${ExitCodes.failed} failure, ${ExitCodes.usage} invalid command line,
${ExitCodes.refused} invalid key or missing permission, also for the database,
${ExitCodes.unreachable} server or database unreachable or overloaded.`;

/** Matches a Muster token or a part of one. The first group is the token's kind, which is not secret. */
const TOKEN = /\b(muster_[a-z]+_)\w+/g;

/** Matches Commander's message for an invalid value of an option (group 1) or of an argument (group 3). */
const INVALID_VALUE =
  /^(?:option '(?:-\w, )?(--[\w-]+)[^']*' argument|command-argument value) '(.*)' is invalid(?: for argument '(.*)')?\. (.*)$/s;

/** Converts a message of Commander to one line. */
function usageMessage(text: string): string {
  const message = text.trim().replace(/^error: /, '');
  const [, option, value, argument, reason] = INVALID_VALUE.exec(message) ?? [];
  if (value === undefined || reason === undefined)
    return `${message.replace(/\n/g, ' ').replace(/\.$/, '')} (see --help)`;
  const requirement = reason.replace(/^Allowed choices are (.*)\.$/, 'must be one of: $1');
  return `${option ?? `<${argument}>`} cannot be '${value}': it ${requirement}`;
}

/** Formats the message of an error as one line without secrets. */
const formatError = (message: string): string => `muster: ${toTerminalText(message).replace(TOKEN, '$1…')}\n`;

/** Creates the parser of the command line. Each command registers itself. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('muster')
    .description("The operator command line of Muster.\nRun 'muster help COMMAND' for details of a command.")
    .addHelpText('after', EXIT_CODES)
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      // Commander quotes arguments that it does not recognize, such as the key in `login URL --key=muster_key_…`.
      outputError: (text, write) => write(formatError(usageMessage(text))),
    })
    // Otherwise, `hosts` would parse the options of `hosts label` that have the same names as its own options.
    .enablePositionalOptions()
    .version(MUSTER_VERSION, '-v, --version', 'print the version')
    .exitOverride();
  addLoginCommands(program, terminal);
  addHostsCommand(program, terminal);
  addContainersCommand(program, terminal);
  addImagesCommand(program, terminal);
  addEventsCommand(program, terminal);
  addEnrollTokenCommand(program, terminal);
  addExportCommand(program, terminal);
  addBackupCommand(program, terminal);
  addRestoreCommand(program, terminal);
  addSystemCommand(program, terminal);
  addMoveDatabaseCommand(program, terminal);
  return program;
}

/**
 * Runs a command line, given without the program's name. Resolves with the exit code, and rejects only if there is a
 * bug.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    // `pnpm muster -- backup` passes the separator `--` to this program.
    await createProgram(terminal).parseAsync(args[0] === '--' ? args.slice(1) : args, { from: 'user' });
    return ExitCodes.ok;
  } catch (error) {
    // Commander has already printed the message. After --help, Commander also throws, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCodes.ok : ExitCodes.usage;
    if (!(error instanceof CommandError)) throw error;
    terminal.err(formatError(error.message));
    return error.exitCode;
  }
}
