import { parseArgs } from 'node:util';

/** What the command line asks for. */
export type CliRequest = { kind: 'help' } | { kind: 'run'; seconds: number } | { kind: 'error'; message: string };

/** A demo that is forgotten ends by itself: after four hours. */
const SECONDS_DEFAULT = 4 * 3_600;
const SECONDS_MAX = 7 * 86_400;

/** The text of `--help`. */
export const HELP = `Muster's demo: the API on a throw-away database, and agents that report this machine's engine, if one
answers, and several replayed ones whose containers start, stop, crash and get replaced.

Usage: demo [--for SECONDS]

  --for SECONDS   end by itself after so long (default: ${SECONDS_DEFAULT}, four hours)
  --help          print this

Nothing is left behind: the database, the agents and their state end with it.
`;

/** Reads the arguments that follow the program's name. */
export function parseCli(args: readonly string[]): CliRequest {
  let values;
  try {
    ({ values } = parseArgs({
      // `pnpm demo -- --for 60` hands the separator on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: { for: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
      strict: true,
      allowPositionals: false,
    }));
  } catch (error) {
    return { kind: 'error', message: (error as Error).message.split('. ')[0]! };
  }
  if (values.help) return { kind: 'help' };
  if (values.for === undefined) return { kind: 'run', seconds: SECONDS_DEFAULT };
  const seconds = /^\d+$/.test(values.for) ? Number(values.for) : 0;
  return seconds >= 1 && seconds <= SECONDS_MAX
    ? { kind: 'run', seconds }
    : { kind: 'error', message: `--for must be a number of seconds from 1 to ${SECONDS_MAX}` };
}
