import { Command as Program } from 'commander';
import { SETTINGS } from './config/settings.js';

/** The commands, in the order of `--help`. */
const COMMANDS = {
  run: 'run until stopped: report after each change and at the server’s interval, and send heartbeats in between',
  enroll: 'enroll this machine and store its agent token; does nothing if it is already enrolled with that API',
  once: 'enroll if needed, post one snapshot, then exit; the exit code is 0 only if that succeeded',
  'dry-run': 'print the snapshot that would be sent, as JSON; needs no token and no server',
  doctor: 'check everything that the agent needs and what the running agent reports, and print a fix for each problem',
  status: 'show the state of the running agent and this machine’s enrollment',
  leave: 'revoke this machine’s agent token; the API keeps the host’s history',
  move: 'change the API’s address to --url, without a new token; sends the stored token to that address',
  update: 'as root: install the release of this machine’s server, and restore the earlier one if it cannot report',
  config: 'print every setting, its value and where the value comes from',
  version: 'print the version',
  help: 'print this help',
} as const;
export type Command = keyof typeof COMMANDS;

/**
 * The parsed command line. `flags` maps the names of flags, without dashes, to their values. It contains only flags
 * that correspond to a setting.
 */
export type CliRequest =
  | { kind: 'command'; command: Command; flags: Record<string, string>; configFile: string | null; json: boolean }
  | { kind: 'error'; message: string };

const formatEntry = (name: string, width: number, text: string): string => `  ${name.padEnd(width)}  ${text}`;

/** The text that `help` prints. */
export const HELP = `muster-agent: reports the containers of this machine's engine to a Muster API.

Usage: muster-agent [COMMAND] [FLAGS]

${Object.entries(COMMANDS)
  .map(([name, text]) => formatEntry(name, 8, text))
  .join('\n')}

The default command is run. --once, --dry-run, --version and --help are aliases of the commands of the same names.

Settings. A flag overrides an environment variable, which overrides a line VARIABLE=value in the configuration file:
${SETTINGS.map(({ variable, flag, help, fallback }) =>
  [
    formatEntry(variable, 20, flag === null ? '' : `--${flag}`).trimEnd(),
    `      ${help}`,
    `      default: ${fallback}`,
  ].join('\n'),
).join('\n')}

  --config FILE         the configuration file (MUSTER_CONFIG; default: /etc/muster-agent/config as root, otherwise
                        $XDG_CONFIG_HOME/muster-agent/config or ~/.config/muster-agent/config)
  --json                print the output of status and doctor as JSON

Exit codes: 0 done or stopped by a signal, 1 failed, 2 invalid flag or setting,
3 rejected by the API (invalid token or deleted host). In that case, run does not exit: it keeps its state and retries.
`;

/** Flags of an earlier release that are now commands. */
const COMMAND_FLAGS = ['once', 'dry-run', 'help', 'version'] as const satisfies readonly Command[];

const settingFlags = SETTINGS.flatMap(({ flag }) => (flag === null ? [] : [flag]));
const valueFlags = [...settingFlags, 'config'];

/**
 * Parses the arguments after the program's name. An error message does not quote a flag's value, which may be a token.
 */
export function parseCli(args: readonly string[]): CliRequest {
  // `pnpm agent -- --once` passes the separator `--` to the agent.
  const program = createProgram().parse(args[0] === '--' ? args.slice(1) : args, { from: 'user' });
  const values = new Map<string, unknown>(
    program.options.map((option) => [option.name(), program.getOptionValue(option.attributeName())]),
  );
  const flagWithoutValue = valueFlags.find((flag) => values.get(flag) === true);
  if (flagWithoutValue !== undefined)
    return { kind: 'error', message: `Option '--${flagWithoutValue} <value>' argument missing` };
  const unknown = program.args.filter((argument) => !Object.hasOwn(COMMANDS, argument));
  const first = unknown.find((argument) => argument.startsWith('-')) ?? unknown[0];
  if (first !== undefined) return { kind: 'error', message: describeUnknown(first, values) };
  const requested = [...(program.args as Command[]), ...COMMAND_FLAGS.filter((name) => values.get(name) === true)];
  // Help overrides any other command on the same command line.
  const commands = requested.includes('help') ? ['help' as const] : requested;
  if (commands.length > 1) return { kind: 'error', message: `${commands.join(' and ')} cannot be combined` };
  const flags = settingFlags.flatMap((flag) => (values.get(flag) === undefined ? [] : [[flag, values.get(flag)]]));
  return {
    kind: 'command',
    command: commands[0] ?? 'run',
    flags: Object.fromEntries(flags) as Record<string, string>,
    configFile: (values.get('config') as string | undefined) ?? null,
    json: values.get('json') === true,
  };
}

/**
 * Creates the parser. `parseCli` detects errors instead of commander, for two reasons. Commander's message for an
 * unknown option would quote the option's value. For a flag without its required value (`<value>`), commander would use
 * the next flag as the value.
 */
function createProgram(): Program {
  const program = new Program().argument('[commands...]').allowUnknownOption().helpOption(false);
  for (const flag of valueFlags) program.option(`--${flag} [value]`);
  for (const flags of ['--json', '--once', '--dry-run', '-h, --help', '-v, --version']) program.option(flags);
  return program;
}

function describeUnknown(argument: string, known: ReadonlyMap<string, unknown>): string {
  const [flag] = /^(--[^=]*|-[^-])/.exec(argument) ?? [];
  if (flag === undefined) return `unknown command '${argument}'`;
  return known.has(flag.slice(2)) ? `Option '${flag}' does not take an argument` : `Unknown option '${flag}'`;
}
