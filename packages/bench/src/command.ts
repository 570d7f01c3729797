import { ApiError } from '@muster/fleet';
import { createCommandLine, createReportProgram, wholeNumber, type CommandIo } from '@muster/fleet/command-line';
import { ProgramError } from '@muster/testkit';
import { PostgresMissingError } from '@muster/testkit/databases';
import { DocumentError } from '@muster/testkit/report';
import { ResultsError, SECTION_IDS } from './results.js';
import { runBench, type BenchOptions } from './run.js';
import { VerificationError } from './verify.js';

const ROUNDS_MAX = 100;
const ROUNDS = `number of measured rounds, 1 to ${ROUNDS_MAX}; a warm-up round precedes them`;

export const commandLine = createCommandLine(
  'muster-bench',
  'Compares Muster with other implementations of the same work. ' +
    'It starts a temporary PostgreSQL server and removes it afterwards.',
).option('--rounds <n>', ROUNDS, wholeNumber(1, ROUNDS_MAX));

/** The benchmark as a program for `runProgram`. */
export const bench = {
  // The program writes benchmarks.md and benchmarks/ into the directory docs.
  ...createReportProgram<BenchOptions>(commandLine, SECTION_IDS, 'docs'),
  async run(options: BenchOptions, io: CommandIo): Promise<number> {
    await runBench(options, io);
    return 0;
  },
  knownErrors: [VerificationError, ProgramError, ApiError, ResultsError, DocumentError, PostgresMissingError],
};
