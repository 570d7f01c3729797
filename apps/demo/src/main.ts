import { fileURLToPath } from 'node:url';
import { HELP, parseCli } from './cli.js';
import { runDemo } from './demo.js';
import { DemoError } from './supervisor.js';

/** The programs beside this one, as they are built. */
const beside = (app: string): string => fileURLToPath(new URL(`../../${app}/dist/main.js`, import.meta.url));

process.exitCode = await main();

async function main(): Promise<number> {
  const request = parseCli(process.argv.slice(2));
  if (request.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (request.kind === 'error') {
    process.stderr.write(`muster-demo: ${request.message} (see --help)\n`);
    return 2;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // Whoever signals twice does not want to wait; the children are ended on the way out all the same.
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  try {
    await runDemo(
      {
        programs: { api: beside('api'), agent: beside('agent') },
        durationMs: request.seconds * 1_000,
        write: (text) => void process.stdout.write(text),
      },
      stop.signal,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof DemoError)) throw error;
    process.stderr.write(`muster-demo: ${error.message}\n`);
    return 1;
  }
}
