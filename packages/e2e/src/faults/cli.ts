import { parseArgs } from 'node:util';
import { GUARANTEE_IDS, type GuaranteeId } from './guarantee.js';

/** What the command line asks for. */
export interface FaultsRequest {
  only: readonly GuaranteeId[];
  quick: boolean;
  /** Kills of each kind; null: as the plan has it. */
  rounds: number | null;
  /** The document that the figures are written into; null: none. */
  out: string | null;
}

export type CliRequest = ({ kind: 'run' } & FaultsRequest) | { kind: 'help' } | { kind: 'error'; message: string };

const ROUNDS_MAX = 1_000;

/** Where the figures are kept, from the root of the repository, in which `pnpm test:faults` runs. */
const OUT_DEFAULT = 'docs/reliability.md';

/** The text of `--help`. */
export const HELP = `Injects faults into the real parts of Muster. Each test starts and stops its own servers.
Exits with 1 if a promise is not kept.

Usage: test:faults [--only NAME,…] [--quick] [--rounds N] [--out FILE]

  --only NAME,…  tests to run: ${GUARANTEE_IDS.join(', ')} (default: all)
  --quick        fewer and shorter faults; writes nothing unless --out is given
  --rounds N     number of kills of each kind, 1 to ${ROUNDS_MAX}
  --out FILE     document whose results are replaced (default: ${OUT_DEFAULT});
                 results of tests that do not run stay unchanged
  --help         print this help
`;

/** Reads the arguments that follow the program's name. */
export function parseCli(args: readonly string[]): CliRequest {
  let values;
  try {
    ({ values } = parseArgs({
      // `pnpm test:faults -- --quick` hands the separator on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
      strict: true,
      allowPositionals: false,
    }));
  } catch (error) {
    return { kind: 'error', message: (error as Error).message.split('. ')[0]! };
  }
  if (values.help) return { kind: 'help' };

  const asked = values.only?.split(',') ?? GUARANTEE_IDS;
  const unknown = asked.find((name) => !(GUARANTEE_IDS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    return { kind: 'error', message: `--only: unknown test ${unknown}; allowed: ${GUARANTEE_IDS.join(', ')}` };
  }
  const rounds = values.rounds === undefined ? null : /^\d{1,4}$/.test(values.rounds) ? Number(values.rounds) : 0;
  if (rounds !== null && (rounds < 1 || rounds > ROUNDS_MAX)) {
    return { kind: 'error', message: `--rounds must be a number from 1 to ${ROUNDS_MAX}` };
  }
  if (values.out === '') return { kind: 'error', message: '--out must name a file' };
  const out = values.out ?? (values.quick ? null : OUT_DEFAULT);
  return { kind: 'run', only: GUARANTEE_IDS.filter((id) => asked.includes(id)), quick: values.quick, rounds, out };
}
