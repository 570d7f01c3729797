import { runProgram } from '@muster/fleet/command-line';
import { PostgresMissingError } from '@muster/testkit/databases';
import { DocumentError } from '@muster/testkit/report';
import { commandLine, parse } from './command.js';
import { runFaults } from './run.js';

process.exitCode = await runProgram({
  name: commandLine.name(),
  parse,
  async run(options, { write, progress, signal }) {
    if (process.platform !== 'linux') {
      process.stderr.write('muster-faults: needs Linux, because it reads memory figures from /proc\n');
      return 2;
    }
    // All processes that the tests started end when this one does.
    signal.addEventListener('abort', () => process.exit(130));
    return (await runFaults(options, { write, progress })) ? 0 : 1;
  },
  knownErrors: [PostgresMissingError, DocumentError],
});
