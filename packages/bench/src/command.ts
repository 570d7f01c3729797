import { ApiError } from '@muster/fleet';
import { createCommandLine, listOf, Option, parseArguments, path, wholeNumber } from '@muster/fleet/command-line';
import type { CommandIo } from '@muster/fleet/command-line';
import { ProgramError } from '@muster/testkit';
import { PostgresMissingError } from '@muster/testkit/databases';
import { DocumentError } from '@muster/testkit/report';
import { ResultsError, SECTION_IDS } from './results.js';
import { runBench, type BenchOptions } from './run.js';
import { VerificationError } from './verify.js';

const ROUNDS_MAX = 100;
const HOSTS_MAX = 10_000;

/** The default of `--out`. `pnpm bench` runs in the root of the repository, so this is the repository's `docs`. */
const OUT_DEFAULT = 'docs';

const only = new Option('--only <section,…>', `sections: ${SECTION_IDS.join(', ')}`);

export const commandLine = createCommandLine(
  'muster-bench',
  'Compares Muster with other implementations of the same work. ' +
    'It starts a temporary PostgreSQL server and removes it afterwards.',
)
  .addOption(only.argParser(listOf(SECTION_IDS)).default(SECTION_IDS, 'all'))
  .option('--quick', 'a short trial run, which writes nothing unless --out is given', false)
  .option(
    '--rounds <n>',
    `number of measured rounds, 1 to ${ROUNDS_MAX}; a warm-up round precedes them`,
    wholeNumber(1, ROUNDS_MAX),
  )
  .option(
    '--hosts <n>',
    `number of hosts per contender in the sections service and http, 1 to ${HOSTS_MAX}`,
    wholeNumber(1, HOSTS_MAX),
  )
  .option(
    '--out <directory>',
    `directory whose benchmarks.md and benchmarks/ get the results (default: ${OUT_DEFAULT}); results of other sections stay unchanged`,
    path,
  );

/** The benchmark as a program for `runProgram`. */
export const bench = {
  name: commandLine.name(),
  parse(args: readonly string[]): BenchOptions {
    const options = parseArguments(commandLine, args).opts<BenchOptions>();
    return options.quick ? options : { out: OUT_DEFAULT, ...options };
  },
  async run(options: BenchOptions, io: CommandIo): Promise<number> {
    if (process.platform !== 'linux') {
      process.stderr.write('muster-bench: needs Linux, because it reads CPU times from /proc\n');
      return 2;
    }
    io.signal.addEventListener('abort', () =>
      process.stderr.write('muster-bench: interrupted: stopping the servers\n'),
    );
    try {
      await runBench(options, io);
      return 0;
    } catch (error) {
      if (io.signal.aborted) return 130;
      throw error;
    }
  },
  knownErrors: [VerificationError, ProgramError, ApiError, ResultsError, DocumentError, PostgresMissingError],
};
