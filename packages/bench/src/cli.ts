import { parseArgs } from 'node:util';
import { SECTION_IDS, type SectionId } from './results.js';

/** What the command line asks for. */
export interface BenchRequest {
  sections: readonly SectionId[];
  quick: boolean;
  /** Null: as the plan has it. */
  rounds: number | null;
  hosts: number | null;
  /** Where the document goes; null: nowhere. */
  out: string | null;
}

export type CliRequest = ({ kind: 'run' } & BenchRequest) | { kind: 'help' } | { kind: 'error'; message: string };

const ROUNDS_MAX = 100;
const HOSTS_MAX = 10_000;

/** Where the document is kept, from the root of the repository, in which `pnpm bench` runs. */
const OUT_DEFAULT = 'docs';

/** The text of `--help`. */
export const HELP = `Measures Muster against other ways to do its work, on a PostgreSQL of its own that is gone afterwards.

Usage: bench [--only SECTION,…] [--quick] [--rounds N] [--hosts N] [--out DIRECTORY]

  --only SECTION,…  of ${SECTION_IDS.join(', ')} (default: all)
  --quick           small and short, to see that it works; writes nothing unless --out is given
  --rounds N        rounds that count, 1 to ${ROUNDS_MAX}; one more warms up
  --hosts N         hosts of each contender in service and http, 1 to ${HOSTS_MAX}
  --out DIRECTORY   where the targets in benchmarks.md, and benchmarks/, are written (default: ${OUT_DEFAULT});
                    results of other sections are kept
  --help            print this
`;

/** Reads the arguments that follow the program's name. */
export function parseCli(args: readonly string[]): CliRequest {
  let values;
  try {
    ({ values } = parseArgs({
      // `pnpm bench -- --quick` hands the separator on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        hosts: { type: 'string' },
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

  const asked = values.only?.split(',') ?? SECTION_IDS;
  const unknown = asked.find((name) => !(SECTION_IDS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    return { kind: 'error', message: `--only knows no ${unknown}: it takes ${SECTION_IDS.join(', ')}` };
  }
  const rounds = count(values.rounds, ROUNDS_MAX);
  if (rounds === 'wrong') return { kind: 'error', message: `--rounds must be a number from 1 to ${ROUNDS_MAX}` };
  const hosts = count(values.hosts, HOSTS_MAX);
  if (hosts === 'wrong') return { kind: 'error', message: `--hosts must be a number from 1 to ${HOSTS_MAX}` };
  if (values.out === '') return { kind: 'error', message: '--out must name a directory' };
  return {
    kind: 'run',
    sections: SECTION_IDS.filter((id) => asked.includes(id)),
    quick: values.quick,
    ...{ rounds, hosts, out: values.out ?? (values.quick ? null : OUT_DEFAULT) },
  };
}

function count(text: string | undefined, max: number): number | null | 'wrong' {
  if (text === undefined) return null;
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= max ? value : 'wrong';
}
