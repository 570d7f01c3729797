import { parseArgs } from 'node:util';
import { SETTINGS } from './config/settings.js';

/** What can be asked for, in the order of `--help`. */
const COMMANDS = {
  run: 'report until stopped: a snapshot at each change and at the server’s pace, heartbeats in between',
  enroll: 'enrol this machine and keep its own token; does nothing where it is enrolled there already',
  once: 'enrol if needed, post one snapshot, exit; the exit code is not 0 where it could not',
  'dry-run': 'print the snapshot that it would send, as JSON; needs no token and no server',
  doctor: 'check engine, permissions, state, DNS, TLS, clock, server and token, and say what to do for each',
  status: 'what the running agent does, and how this machine is enrolled',
  leave: 'give up this machine’s token: the API refuses it from then on, and keeps the host’s history',
  config: 'every setting, its value and where that came from',
  version: 'print the version',
  help: 'print this',
} as const;
export type Command = keyof typeof COMMANDS;

/** What the command line asks for; `flags` by their names without dashes, those that set something alone. */
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

Without a command it runs. --once, --dry-run, --version and --help are the commands of these names.

Settings, each by flag, environment or a line VARIABLE=value of the configuration file, in this order:
${SETTINGS.map(({ variable, flag, help, fallback }) =>
  [
    indented(variable, 20, flag === null ? '' : `--${flag}`).trimEnd(),
    `      ${help}`,
    `      default: ${fallback}`,
  ].join('\n'),
).join('\n')}

  --config FILE         the configuration file (MUSTER_CONFIG; default: /etc/muster-agent/config as root, otherwise
                        $XDG_CONFIG_HOME/muster-agent/config or ~/.config/muster-agent/config)
  --json                status and doctor as JSON

Exit codes: 0 done or stopped by a signal, 1 failed, 2 wrong flag or setting,
3 dismissed by the API (token dead, or host deleted); run does not end then: it keeps its state and asks again.
`;

/** Flags of an earlier release that are commands by now. */
const COMMAND_FLAGS = ['once', 'dry-run', 'help', 'version'] as const satisfies readonly Command[];

const settingFlags = SETTINGS.flatMap(({ flag }) => (flag === null ? [] : [flag]));

/** Reads the arguments that follow the program's name. */
export function parseCli(args: readonly string[]): CliRequest {
  let parsed;
  try {
    parsed = parseArgs({
      // `pnpm agent -- --once` hands the separator on.
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
  if (unknown !== undefined) return { kind: 'error', message: `there is no command '${unknown}'` };
  const asked = [...(positionals as Command[]), ...COMMAND_FLAGS.filter((name) => values[name] === true)];
  // Whoever asks for help along with anything else gets help.
  const commands = asked.includes('help') ? ['help' as const] : asked;
  if (commands.length > 1) return { kind: 'error', message: `${commands.join(' and ')} exclude each other` };
  const flags = settingFlags.flatMap((flag) => (typeof values[flag] === 'string' ? [[flag, values[flag]]] : []));
  return {
    kind: 'command',
    command: commands[0] ?? 'run',
    flags: Object.fromEntries(flags) as Record<string, string>,
    configFile: typeof values['config'] === 'string' ? values['config'] : null,
    json: values['json'] === true,
  };
}

/** Node adds advice that this program has no use for. */
const firstSentence = (message: string): string => message.split('. ')[0]!.replace(/\.$/, '');
