import { ApiError } from '@muster/fleet';
import { listOf, switchOption, UsageError, valueOption, wholeNumber } from '@muster/fleet/command-line';
import type { CommandSpec, ValueParser } from '@muster/fleet/command-line';
import { ProgramError } from '@muster/testkit';
import { PostgresMissingError } from '@muster/testkit/databases';
import { DocumentError } from '@muster/testkit/report';
import { ResultsError, SECTION_IDS } from './results.js';
import { runBench, type BenchOptions } from './run.js';
import { VerificationError } from './verify.js';

const ROUNDS_MAX = 100;
const HOSTS_MAX = 10_000;

/** Relative to the root of the repository, in which `pnpm bench` runs. */
const OUT_DEFAULT = 'docs';

const directory: ValueParser<string> = (text, flag) => {
  if (text === '') throw new UsageError(`${flag} must name a directory`);
  return text;
};

/** The benchmark's command line. */
export const benchCommand: CommandSpec<BenchOptions, BenchOptions> = {
  name: 'muster-bench',
  description:
    'Compares Muster with other implementations of the same work. ' +
    'It starts a PostgreSQL server of its own, and removes it afterwards.',
  options: [
    valueOption('--only <section,…>', `sections: ${SECTION_IDS.join(', ')}`, listOf('section', SECTION_IDS)).default(
      SECTION_IDS,
      'all',
    ),
    switchOption('--quick', 'a short trial run, which writes nothing unless --out is given'),
    valueOption(
      '--rounds <n>',
      `rounds that count, after one that warms up, 1 to ${ROUNDS_MAX}`,
      wholeNumber(1, ROUNDS_MAX),
    ),
    valueOption(
      '--hosts <n>',
      `hosts of each contender in service and http, 1 to ${HOSTS_MAX}`,
      wholeNumber(1, HOSTS_MAX),
    ),
    valueOption(
      '--out <directory>',
      `where to write the targets in benchmarks.md, and benchmarks/ (default: ${OUT_DEFAULT}); results of other sections are kept`,
      directory,
    ),
  ],
  toOptions: (values) => (values.quick ? values : { out: OUT_DEFAULT, ...values }),
  async run(options, { write, progress, signal }) {
    if (process.platform !== 'linux') {
      process.stderr.write('muster-bench: needs Linux, because it reads CPU times from /proc\n');
      return 2;
    }
    signal.addEventListener('abort', () => process.stderr.write('muster-bench: ending\n'));
    try {
      await runBench(options, { write, progress, signal });
      return 0;
    } catch (error) {
      if (signal.aborted) return 130;
      throw error;
    }
  },
  knownErrors: [VerificationError, ProgramError, ApiError, ResultsError, DocumentError, PostgresMissingError],
  secondSignalCode: 130,
};
