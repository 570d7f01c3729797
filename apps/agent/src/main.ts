#!/usr/bin/env node
import { MUSTER_VERSION, readSecretFiles, toTerminalText } from '@muster/contracts';
import * as fs from 'node:fs';
import { dryRun, enrollMachine, leaveMuster, runAgent, runOnce } from './agent.js';
import { HELP, parseCli, type CliRequest } from './cli.js';
import { createChecks } from './commands/checks.js';
import { runChecks, formatFindings } from './commands/doctor.js';
import { moveAgent } from './commands/move.js';
import { status } from './commands/status.js';
import { updateAgent } from './commands/update.js';
import { defaultConfigPath, readConfigFile } from './config/config-file.js';
import { parseEnv, type AgentEnv } from './env.js';
import { ExitCodes, StopError, type ExitCode } from './exit.js';
import { limitHeapSize } from './v8-flags.js';
import { homeDirectory } from './lib/home-directory.js';
import { createLog } from './lib/log.js';
import { describeOrigins, describeSettings, layerSettings, SECRET_VARIABLES } from './config/settings.js';

type Request = CliRequest & { kind: 'command' };

void main().then((exitCode) => {
  process.exitCode = exitCode;
});

async function main(): Promise<ExitCode> {
  // Without a listener, Node.js opens its debugger on a port of the loopback interface.
  process.on('SIGUSR1', () => undefined);
  // If stderr cannot be written to, the exit code is all that remains to report a failure.
  process.stderr.on('error', () => undefined);
  limitHeapSize();
  const request = parseCli(process.argv.slice(2));
  if (request.kind === 'error') return fail(ExitCodes.usage, `${request.message} (see --help)`);
  if (request.command === 'help') return print(HELP);
  if (request.command === 'version') return print(`${MUSTER_VERSION}\n`);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => {
      // A second signal exits immediately, without waiting for a clean shutdown.
      if (stop.signal.aborted) process.exit(ExitCodes.failed);
      stop.abort(new StopError(`stopped by ${name}`, request.command === 'run' ? ExitCodes.ok : ExitCodes.failed));
    });
  }
  try {
    return await runWithSettings(request, stop.signal);
  } catch (caught) {
    const error: unknown = stop.signal.aborted ? stop.signal.reason : caught;
    if (error instanceof StopError) return fail(error.exitCode, error.message);
    createLog('info').fatal({ err: error }, 'unexpected error: this is a bug in the agent, please report it');
    return ExitCodes.failed;
  }
}

/** Merges the settings from flags, environment and file, and runs the command with them. */
async function runWithSettings(request: Request, signal: AbortSignal): Promise<ExitCode> {
  const machine = { isRoot: process.getuid?.() === 0, home: homeDirectory() };
  const requestedPath = request.configFile ?? (process.env['MUSTER_CONFIG'] || null);
  const file = await readConfigFile(requestedPath, defaultConfigPath(process.env, machine));
  const layered = layerSettings({ flags: request.flags, environment: process.env, file: file.values });
  if (request.command === 'config') return print(describeSettings(layered, file.path));
  const { XDG_STATE_HOME, XDG_RUNTIME_DIR } = process.env;
  const origins = describeOrigins(layered, file.path);
  const { values, problems } = readSecretFiles(layered.values, SECRET_VARIABLES, fs);
  if (problems.length > 0) return fail(ExitCodes.usage, ...problems);
  const parsed = parseEnv({ ...values, XDG_STATE_HOME, XDG_RUNTIME_DIR }, machine, origins);
  if (!parsed.success) return fail(ExitCodes.usage, ...parsed.errors);
  if (request.command === 'move') {
    const previousUrl = { configFile: file.path, environment: process.env['MUSTER_URL'] ?? null };
    return print(await moveAgent(parsed.env, previousUrl, signal));
  }
  if (request.command === 'update') {
    return updateAgent(parsed.env, { configFile: file.path, values: layered.values }, process.env, signal);
  }
  return runCommand(request, parsed.env, signal);
}

async function runCommand({ command, json }: Request, env: AgentEnv, signal: AbortSignal): Promise<ExitCode> {
  const log = createLog(env.logLevel);
  switch (command) {
    case 'dry-run':
      return print(await dryRun(env, log, signal));
    case 'enroll':
      return print(await enrollMachine(env, log, signal));
    case 'leave':
      return print(await leaveMuster(env, log, signal));
    case 'once':
      await runOnce(env, log, signal);
      return ExitCodes.ok;
    case 'doctor': {
      const { text, exitCode } = formatFindings(
        await runChecks(
          createChecks(env, () => new Date()),
          signal,
        ),
        json,
      );
      return print(text, exitCode);
    }
    case 'status': {
      const { text, exitCode } = await status(env, json);
      return print(text, exitCode);
    }
    default:
      await runAgent(env, log, signal);
      if (signal.aborted) log.info((signal.reason as StopError).message);
      return ExitCodes.ok;
  }
}

/**
 * Prints to stdout, so that the text can be piped into another program. Resolves with `exitCode`, or with `failed` if
 * the text cannot be written. A reader that closes the pipe, such as `head`, has read all that it needs.
 */
async function print(text: string, exitCode: ExitCode = ExitCodes.ok): Promise<ExitCode> {
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    // A failed write is also emitted as an event, which would end the process with a stack trace.
    process.stdout.once('error', resolve);
    process.stdout.write(text, resolve);
  });
  if (error === null || error === undefined || error.code === 'EPIPE') return exitCode;
  return fail(ExitCodes.failed, `the output could not be written: ${error.message}`);
}

/**
 * Prints one line per message to stderr, at every log level. Control characters are escaped, because a message may
 * contain text from a server.
 */
function fail(exitCode: ExitCode, ...messages: string[]): ExitCode {
  for (const message of messages) process.stderr.write(`muster-agent: ${toTerminalText(message)}\n`);
  return exitCode;
}
