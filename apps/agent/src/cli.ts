import { parseArgs } from 'node:util';
import { SETTINGS } from './config/settings.js';

/** The commands, in the order of `--help`. */
const COMMANDS = {
  run: 'report until stopped: a snapshot after each change and at the server’s interval, heartbeats in between',
  enroll: 'enroll this machine and store its agent token; does nothing if it is already enrolled there',
  once: 'enroll if needed, post one snapshot, then exit; the exit code is not 0 if that failed',
  'dry-run': 'print the snapshot that would be sent, as JSON; needs no token and no server',
  doctor: 'check engine, permissions, state, DNS, TLS, clock, server and token, and print a fix for each problem',
  status: 'show the state of the running agent and this machine’s enrollment',
  leave: 'revoke this machine’s agent token; the API keeps the host’s history',
  config: 'print every setting, its value and where the value comes from',
  version: 'print the version',
  help: 'print this help',
} as const;
export type Command = keyof typeof COMMANDS;

/**
 * The parsed command line. `flags` are keyed by their names without dashes and contain only flags that set a setting.
 */
export type CliRequest =
  | { kind: 'command'; command: Command; flags: Record<string, string>; configFile: string | null; json: boolean }
  | { kind: 'error'; message: string };

const indented = (name: string, width: number, text: string): string => `  ${name.padEnd(width)}  ${text}`;

/** The text of `help`. */
export const HELP = `muster-agent: reports the containers of this machine's engine to a Muster API.

Usage: muster-agent [COMMAND] [FLAGS]

${Object.entries(COMMANDS)
  .map(([name, text]) => indented(name, 8, text))
  .join('\n')}

The default command is run. --once, --dry-run, --version and --help are aliases of the commands of the same names.

Settings. A flag overrides an environment variable, which overrides a line VARIABLE=value in the configuration file:
${SETTINGS.map(({ variable, flag, help, fallback }) =>
  [
    indented(variable, 20, flag === null ? '' : `--${flag}`).trimEnd(),
    `      ${help}`,
    `      default: ${fallback}`,
  ].join('\n'),
).join('\n')}

  --config FILE         the configuration file (MUSTER_CONFIG; default: /etc/muster-agent/config as root, otherwise
                        $XDG_CONFIG_HOME/muster-agent/config or ~/.config/muster-agent/config)
  --json                print status and doctor as JSON

Exit codes: 0 done or stopped by a signal, 1 failed, 2 invalid flag or setting,
3 rejected by the API (token invalid or host deleted); run does not exit then: it keeps its state and retries.
`;

/** Flags of an earlier release that are now commands. */
const COMMAND_FLAGS = ['once', 'dry-run', 'help', 'version'] as const satisfies readonly Command[];

const settingFlags = SETTINGS.flatMap(({ flag }) => (flag === null ? [] : [flag]));

/** Parses the arguments that follow the program's name. */
export function parseCli(args: readonly string[]): CliRequest {
  let parsed;
  try {
    parsed = parseArgs({
      // `pnpm agent -- --once` passes the separator on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: {
        ...Object.fromEntries(settingFlags.map((flag) => [flag, { type: 'string' as const }])),
        config: { type: 'string' },
        json: { type: 'boolean' },
        once: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
      strict: true,
      allowPositionals: true,
    });
  } catch (error) {
    return { kind: 'error', message: firstSentence((error as Error).message) };
  }
  const { positionals } = parsed;
  const values = parsed.values as Record<string, string | boolean | undefined>;
  const unknown = positionals.find((name) => !Object.hasOwn(COMMANDS, name));
  if (unknown !== undefined) return { kind: 'error', message: `unknown command '${unknown}'` };
  const asked = [...(positionals as Command[]), ...COMMAND_FLAGS.filter((name) => values[name] === true)];
  // Help wins over any other command on the same command line.
  const commands = asked.includes('help') ? ['help' as const] : asked;
  if (commands.length > 1) return { kind: 'error', message: `${commands.join(' and ')} cannot be combined` };
  const flags = settingFlags.flatMap((flag) => (typeof values[flag] === 'string' ? [[flag, values[flag]]] : []));
  return {
    kind: 'command',
    command: commands[0] ?? 'run',
    flags: Object.fromEntries(flags) as Record<string, string>,
    configFile: typeof values['config'] === 'string' ? values['config'] : null,
    json: values['json'] === true,
  };
}

/** Drops the advice that Node appends, which does not apply to this program. */
const firstSentence = (message: string): string => message.split('. ')[0]!.replace(/\.$/, '');
