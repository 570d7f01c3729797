import { ApiError, simulate, summaryText } from '@muster/fleet/simulation';
import { HELP, parseCli } from './cli.js';

process.exitCode = await main();

async function main(): Promise<number> {
  const { MUSTER_URL, MUSTER_KEY } = process.env;
  const request = parseCli(process.argv.slice(2), { MUSTER_URL, MUSTER_KEY });
  if (request.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (request.kind === 'error') {
    process.stderr.write(`muster-simulate: ${request.message} (see --help)\n`);
    return 2;
  }
  const { options } = request;
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // Whoever signals twice does not want to wait for the comparison, nor for the hosts to be deleted.
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  const output = {
    isTerminal: process.stderr.isTTY,
    columns: () => process.stderr.columns,
    write: (text: string) => void process.stderr.write(text),
  };
  try {
    const summary = await simulate(options, output, stop.signal);
    (options.json ? process.stderr : process.stdout).write(summaryText(summary));
    if (options.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    return summary.passed ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    process.stderr.write(`muster-simulate: ${error.message}\n`);
    return 1;
  }
}
