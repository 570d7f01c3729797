#!/usr/bin/env node
import { dryRun, runAgent, runOnce } from './agent.js';
import { HELP, parseCli } from './cli.js';
import { parseEnv } from './env.js';
import { ExitCodes, StopError, type ExitCode } from './exit.js';
import { createLog } from './log.js';
import { AGENT_VERSION } from './version.js';

process.exitCode = await main();

async function main(): Promise<ExitCode> {
  const request = parseCli(process.argv.slice(2));
  if (request.kind === 'error') return complain(ExitCodes.usage, `${request.message} (see --help)`);
  if (request.kind === 'help' || request.kind === 'version') {
    process.stdout.write(request.kind === 'help' ? HELP : `${AGENT_VERSION}\n`);
    return ExitCodes.ok;
  }
  const parsed = parseEnv(process.env);
  if (!parsed.success) return complain(ExitCodes.usage, ...parsed.errors);
  const { env } = parsed;
  const log = createLog(env.logLevel);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      // Whoever signals twice does not want to wait for anything.
      if (stop.signal.aborted) process.exit(ExitCodes.failed);
      stop.abort(new StopError(`stopped by ${name}`, request.kind === 'run' ? ExitCodes.ok : ExitCodes.failed));
    });
  }
  try {
    if (request.kind === 'dry-run') process.stdout.write(await dryRun(env, stop.signal));
    else if (request.kind === 'once') await runOnce(env, log, stop.signal);
    else await runAgent(env, log, stop.signal);
    if (stop.signal.aborted) log.info((stop.signal.reason as StopError).message);
    return ExitCodes.ok;
  } catch (thrown) {
    const error: unknown = stop.signal.aborted ? stop.signal.reason : thrown;
    if (error instanceof StopError) return complain(error.exitCode, error.message);
    log.fatal({ err: error }, 'the agent failed; this is a defect of the agent');
    return ExitCodes.failed;
  }
}

/** One line each for the person who started this, whatever the log level. */
function complain(exitCode: ExitCode, ...messages: string[]): ExitCode {
  for (const message of messages) process.stderr.write(`muster-agent: ${message}\n`);
  return exitCode;
}
