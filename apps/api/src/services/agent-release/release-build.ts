import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import type { Logger } from 'pino';

/** The build of the agent release in the background. */
export interface ReleaseBuild {
  /** Returns `preparing` while the build runs, `failed` if it failed, and null if it succeeded. */
  state(): 'preparing' | 'failed' | null;
  /** Ends the build and all processes that it started. Does nothing if the build has ended. */
  stop(): void;
}

/** Maximum number of characters of the build's messages that are logged. */
const OUTPUT_CHARS_MAX = 2_000;

/** Milliseconds after which a build is stopped. On a slow machine, a build takes a few minutes. */
const BUILD_MS_MAX = 15 * 60_000;

/** Matches the variables that may contain secrets: Muster's own, and those that PostgreSQL's client library reads. */
const SECRET_VARIABLE_PATTERN = /^(MUSTER_|DATABASE_URL|PG)/;

/**
 * Runs a shell command that builds the agent release, with the lowest priority, and logs the result in one line. The
 * command does not get this process's secrets. If memory is short, the kernel ends the build rather than this process.
 * A build that takes longer than `buildMsMax` milliseconds has failed, and is stopped.
 */
export function startReleaseBuild(
  command: string,
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
  buildMsMax = BUILD_MS_MAX,
): ReleaseBuild {
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => !SECRET_VARIABLE_PATTERN.test(name)));
  // A separate process group lets the build be stopped together with the processes that it started.
  const child = spawn('sh', ['-c', command], { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let state: ReturnType<ReleaseBuild['state']> = 'preparing';
  let isStopped = false;
  let output = '';

  function finish(isSuccess: boolean, details: object): void {
    clearTimeout(timer);
    if (isStopped || state === 'failed') return;
    state = isSuccess ? null : 'failed';
    const advice = 'the agent release could not be built, so this server may have none: see docs/agent.md';
    if (!isSuccess) logger.error({ ...details, output: output.slice(-OUTPUT_CHARS_MAX) }, advice);
    else logger.info('the agent release is up to date');
  }

  /** Ends all processes of the build. */
  function kill(signal: NodeJS.Signals): void {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The build has just ended.
    }
  }

  const timer = setTimeout(() => {
    finish(false, { buildMsMax });
    // A build that hangs may also ignore SIGTERM.
    kill('SIGKILL');
  }, buildMsMax).unref();
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-OUTPUT_CHARS_MAX)));
  child.once('error', (error) => finish(false, { err: error }));
  child.once('close', (exitCode, signal) => finish(exitCode === 0, { exitCode, signal }));
  if (child.pid !== undefined) lowerPriority(child.pid);

  return {
    state: () => state,
    stop() {
      if (isStopped || state !== 'preparing') return;
      isStopped = true;
      clearTimeout(timer);
      kill('SIGTERM');
    },
  };
}

/** Lowers a process's CPU priority, and makes the kernel end that process first if memory runs out. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // The process has already ended.
  }
  // This file exists only on Linux.
  writeFile(`/proc/${pid}/oom_score_adj`, '1000').catch(() => undefined);
}
