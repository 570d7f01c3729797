import { HELP, parseCli } from './cli.js';
import { PostgresMissingError } from '../../test/faults/parts/server.js';
import { DocumentError } from './report/document.js';
import { runFaults } from './run.js';

process.exitCode = await main();

async function main(): Promise<number> {
  const request = parseCli(process.argv.slice(2));
  if (request.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (request.kind === 'error') {
    process.stderr.write(`muster-faults: ${request.message} (see --help)\n`);
    return 2;
  }
  if (process.platform !== 'linux') {
    process.stderr.write('muster-faults: needs Linux, because it reads memory figures from /proc\n');
    return 2;
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Every process that was started watches this one, and ends with it.
    process.on(name, () => process.exit(130));
  }
  const startedAt = Date.now();
  const progress = (line: string) =>
    void process.stderr.write(`${String(Math.round((Date.now() - startedAt) / 1_000)).padStart(5)} s  ${line}\n`);
  try {
    const kept = await runFaults(request, { write: (text) => void process.stdout.write(text), progress });
    return kept ? 0 : 1;
  } catch (error) {
    if (!(error instanceof PostgresMissingError || error instanceof DocumentError)) throw error;
    process.stderr.write(`muster-faults: ${error.message}\n`);
    return 1;
  }
}
