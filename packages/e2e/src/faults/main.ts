import { runProgram } from '@muster/fleet/command-line';
import { PostgresMissingError } from '@muster/testkit/databases';
import { DocumentError } from '@muster/testkit/report';
import { faults } from './command.js';
import { runFaults } from './run.js';

process.exitCode = await runProgram({
  ...faults,
  async run(options, { write, progress, signal }) {
    // All processes that the tests started end when this one does.
    signal.addEventListener('abort', () => process.exit(130));
    return (await runFaults(options, { write, progress })) ? 0 : 1;
  },
  knownErrors: [PostgresMissingError, DocumentError],
});
