import { parseArgs } from 'node:util';

/** What the command line asks for. */
export type CliRequest =
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'run' }
  | { kind: 'once' }
  | { kind: 'dry-run' }
  | { kind: 'error'; message: string };

/** The text of `--help`. */
export const HELP = `muster-agent: reports the containers of this machine's engine to a Muster API.

Usage: muster-agent [--once | --dry-run]

  (no flag)   run until stopped: a snapshot at each change and at the server's pace, heartbeats in between
  --once      enrol if needed, post one snapshot, exit; the exit code is not 0 where it could not
  --dry-run   print the snapshot that it would send, as JSON; needs no token and no server
  --help      print this
  --version   print the version

Environment:
  MUSTER_URL            where the API is, such as https://muster.example.com
  MUSTER_ENROLL_TOKEN   muster_enroll_…; needed until this machine is enrolled
  MUSTER_STATE_DIR      where its own token is kept (default: /var/lib/muster-agent as root, otherwise
                        $XDG_STATE_HOME/muster-agent or ~/.local/state/muster-agent)
  DOCKER_HOST           the engine: unix:///path or tcp://host:port (default: unix:///var/run/docker.sock)
  DOCKER_API_VERSION    the engine's API version, such as 1.43 (default: negotiated)
  LOG_LEVEL             trace, debug, info, warn, error or silent (default: info); the log goes to stderr

Exit codes: 0 done or stopped by a signal, 1 failed, 2 wrong flag or environment value,
3 dismissed by the API (token dead, or host deleted).
`;

/** Reads the arguments that follow the program's name. */
export function parseCli(args: readonly string[]): CliRequest {
  let values;
  try {
    ({ values } = parseArgs({
      // `pnpm agent -- --once` hands the separator on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: {
        once: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
      strict: true,
      allowPositionals: false,
    }));
  } catch (error) {
    return { kind: 'error', message: firstSentence((error as Error).message) };
  }
  if (values.help) return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  if (values.once && values['dry-run']) return { kind: 'error', message: '--once and --dry-run exclude each other' };
  if (values['dry-run']) return { kind: 'dry-run' };
  return { kind: values.once ? 'once' : 'run' };
}

/** Node adds advice on positional arguments that this program has none of. */
const firstSentence = (message: string): string => message.split('. ')[0]!.replace(/\.$/, '');
