import { parseArgs } from 'node:util';
import { ENROLLMENT_TOKEN_USES_MAX, SNAPSHOT_CONTAINERS_MAX, tokenKind } from '@muster/contracts';
import type { SimulateOptions } from '@muster/fleet/simulation';

/** What the command line asks for. */
export type CliRequest =
  { kind: 'help' } | { kind: 'run'; options: SimulateOptions } | { kind: 'error'; message: string };

/** The text of `--help`. */
export const HELP = `Muster's simulator: a fleet of hosts that enrol and speak the whole agent protocol, and at the end a comparison of
what the API says with what it was told, container by container.

Usage: simulate --url URL --key KEY [flags]

  --url URL          the API (or MUSTER_URL)
  --key KEY          an admin's muster_key_… (or MUSTER_KEY, which other users of the machine cannot see)
  --hosts N          hosts, 1 to ${ENROLLMENT_TOKEN_USES_MAX} (default: 100)
  --containers N     containers on each, 0 to ${SNAPSHOT_CONTAINERS_MAX} (default: 20)
  --churn SHARE      share of the containers that change in each of the server's snapshot intervals (default: 0.02)
  --seed N           the same seed gives each host the same life (default: 1)
  --ramp TIME        hosts start spread over so long (default: 10s)
  --duration TIME    how long the fleet runs, the ramp included (default: 1m)
  --faults FACTOR    how often things go wrong: 0 never, 1 now and then, 20 all the time (default: 1)
  --sockets N        connections that the whole fleet shares, 1 to 1024 (default: 128)
  --allow-5xx        an answer of 5xx is counted, but is no failure
  --keep             leave the hosts in Muster
  --json             the summary as JSON on standard output, what is for people on standard error
  --help             print this

A TIME is such as 500ms, 60s, 5m or 2h. Ctrl-C ends the run early and still compares; a second one ends at once and
leaves the hosts. Exit code: 0 when all agrees, 1 on any difference or 5xx answer, 2 on a bad flag.
`;

const FLAGS = {
  url: { type: 'string' },
  key: { type: 'string' },
  hosts: { type: 'string' },
  containers: { type: 'string' },
  churn: { type: 'string' },
  seed: { type: 'string' },
  ramp: { type: 'string' },
  duration: { type: 'string' },
  faults: { type: 'string' },
  sockets: { type: 'string' },
  'allow-5xx': { type: 'boolean' },
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

class FlagError extends Error {}

/** Reads the arguments that follow the program's name, and the two settings that the environment may hold. */
export function parseCli(
  args: readonly string[],
  env: Readonly<Record<'MUSTER_URL' | 'MUSTER_KEY', string | undefined>>,
): CliRequest {
  try {
    const { values } = parseArgs({
      // `pnpm simulate -- --hosts 5` hands the separator on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: FLAGS,
      strict: true,
      allowPositionals: false,
    });
    if (values.help) return { kind: 'help' };
    const rampMs = duration('--ramp', values.ramp ?? '10s', 0);
    const durationMs = duration('--duration', values.duration ?? '1m', 1);
    if (durationMs < rampMs) throw new FlagError('--duration must be at least as long as --ramp, which it includes');
    return {
      kind: 'run',
      options: {
        url: apiUrl(values.url ?? env.MUSTER_URL),
        key: apiKey(values.key ?? env.MUSTER_KEY),
        hosts: number('--hosts', values.hosts ?? '100', { min: 1, max: ENROLLMENT_TOKEN_USES_MAX, isWhole: true }),
        containers: number('--containers', values.containers ?? '20', {
          ...{ min: 0, max: SNAPSHOT_CONTAINERS_MAX, isWhole: true },
        }),
        churn: number('--churn', values.churn ?? '0.02', { min: 0, max: 1 }),
        seed: number('--seed', values.seed ?? '1', { min: 0, max: 4_294_967_295, isWhole: true }),
        ...{ rampMs, durationMs },
        sockets: number('--sockets', values.sockets ?? '128', { min: 1, max: 1_024, isWhole: true }),
        faults: number('--faults', values.faults ?? '1', { min: 0, max: 100 }),
        allow5xx: values['allow-5xx'] ?? false,
        keep: values.keep ?? false,
        json: values.json ?? false,
      },
    };
  } catch (error) {
    // A message of parseArgs' goes on with advice about positional arguments, which there are none of here.
    return { kind: 'error', message: (error as Error).message.split('. ')[0]! };
  }
}

function number(
  flag: string,
  text: string,
  { min, max, isWhole = false }: { min: number; max: number; isWhole?: boolean },
): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
  throw new FlagError(`${flag} must be a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}, not ${shown(text)}`);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION_MS_MAX = 7 * 24 * 3_600_000;

function duration(flag: string, text: string, minMs: number): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = count === undefined ? Number.NaN : Math.round(Number(count) * UNIT_MS[unit!]!);
  if (ms >= minMs && ms <= DURATION_MS_MAX) return ms;
  throw new FlagError(`${flag} must be a time such as 500ms, 60s or 5m, at most a week, not ${shown(text)}`);
}

function apiUrl(text: string | undefined): string {
  if (text === undefined || text === '') throw new FlagError('--url is missing (or MUSTER_URL)');
  const isUrl = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isUrl) throw new FlagError('--url must be an http or https URL');
  return text.replace(/\/+$/, '');
}

function apiKey(text: string | undefined): string {
  if (text === undefined || text === '') throw new FlagError('--key is missing (or MUSTER_KEY)');
  // The value is a secret: it is not shown.
  if (tokenKind(text) !== 'key') throw new FlagError('--key must be a well-formed muster_key_… token');
  return text;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40));
