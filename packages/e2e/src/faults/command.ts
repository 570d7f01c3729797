import { createCommandLine, createReportProgram, type CommandIo } from '@muster/fleet/command-line';
import { PostgresMissingError } from '@muster/testkit/databases';
import { DocumentError } from '@muster/testkit/report';
import { GUARANTEES, type GuaranteeId } from '../../test/faults/guarantees/index.js';
import { runFaults, type FaultsOptions } from './run.js';

export const commandLine = createCommandLine(
  'muster-faults',
  `Injects faults into the real parts of Muster. Each test starts and stops its own servers.
Exits with 1 if a guarantee does not hold.`,
);

/** The fault tests as a program for `runProgram`. */
export const faults = {
  ...createReportProgram<FaultsOptions>(commandLine, Object.keys(GUARANTEES) as GuaranteeId[], 'docs/reliability.md'),
  run: async (options: FaultsOptions, io: CommandIo): Promise<number> => ((await runFaults(options, io)) ? 0 : 1),
  knownErrors: [PostgresMissingError, DocumentError],
};
