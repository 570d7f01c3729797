import { createCommandLine, createReportProgram, type ReportOptions } from '@muster/fleet/command-line';
import { GUARANTEES, type GuaranteeId } from '../../test/faults/guarantees/index.js';

export type FaultsOptions = ReportOptions<GuaranteeId>;

export const commandLine = createCommandLine(
  'muster-faults',
  `Injects faults into the real parts of Muster. Each test starts and stops its own servers.
Exits with 1 if a guarantee does not hold.`,
);

export const faults = createReportProgram<FaultsOptions>(
  commandLine,
  Object.keys(GUARANTEES) as GuaranteeId[],
  'docs/reliability.md',
);
