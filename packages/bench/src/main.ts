import { ProgramError } from '@muster/testkit';
import { HELP, parseCli } from './cli.js';
import { PostgresMissingError } from './cluster.js';
import { DocumentError } from './report/document.js';
import { ResultsError } from './results.js';
import { runBench } from './run.js';
import { VerificationError } from './verify.js';

process.exitCode = await main();

async function main(): Promise<number> {
  const request = parseCli(process.argv.slice(2));
  if (request.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (request.kind === 'error') {
    process.stderr.write(`muster-bench: ${request.message} (see --help)\n`);
    return 2;
  }
  if (process.platform !== 'linux') {
    process.stderr.write('muster-bench: runs on Linux alone, whose /proc tells what each process costs\n');
    return 2;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // Whoever signals twice does not want to wait; servers end when this process is gone.
      if (stop.signal.aborted) process.exit(130);
      process.stderr.write('muster-bench: ending\n');
      stop.abort();
    });
  }
  const startedAt = Date.now();
  const progress = (line: string) =>
    void process.stderr.write(`${String(Math.round((Date.now() - startedAt) / 1_000)).padStart(5)} s  ${line}\n`);
  try {
    await runBench(request, { write: (text) => void process.stdout.write(text), progress, signal: stop.signal });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    const known = [VerificationError, ProgramError, ResultsError, DocumentError, PostgresMissingError];
    if (!known.some((kind) => error instanceof kind)) throw error;
    process.stderr.write(`muster-bench: ${(error as Error).message}\n`);
    return 1;
  }
}
