import { createCommandLine, listOf, Option, parseArguments, path, wholeNumber } from '@muster/fleet/command-line';
import { GUARANTEES, type GuaranteeId } from '../../test/faults/guarantees/index.js';

export interface FaultsOptions {
  only: readonly GuaranteeId[];
  quick: boolean;
  /** The number of kills of each kind. Default: the number in the plan. */
  rounds?: number;
  /** The document into which the figures are written. */
  out?: string;
}

const IDS = Object.keys(GUARANTEES);
const ROUNDS_MAX = 1_000;

/** The document with the figures, relative to the repository's root, where `pnpm test:faults` runs. */
const OUT_DEFAULT = 'docs/reliability.md';

const only = new Option('--only <names>', `tests to run, separated by commas: ${IDS.join(', ')}`).default(IDS, 'all');

export const commandLine = createCommandLine(
  'muster-faults',
  `Injects faults into the real parts of Muster. Each test starts and stops its own servers.
Exits with 1 if a guarantee does not hold.`,
)
  .addOption(only.argParser(listOf(IDS)))
  .option('--quick', 'fewer and shorter faults; writes nothing unless --out is given', false)
  .option(
    '--rounds <n>',
    `number of kills of each kind, 1 to ${ROUNDS_MAX} (default: depends on --quick)`,
    wholeNumber(1, ROUNDS_MAX),
  )
  .option(
    '--out <file>',
    `document to update with the results (default: ${OUT_DEFAULT}); results of other tests stay unchanged`,
    path,
  );

export function parse(args: readonly string[]): FaultsOptions {
  const options = parseArguments(commandLine, args).opts<FaultsOptions>();
  return options.quick ? options : { out: OUT_DEFAULT, ...options };
}
