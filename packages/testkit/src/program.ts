/** Programs of this repository, built and running as processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The apps that have a main program. */
export type App = 'api' | 'agent' | 'cli' | 'demo' | 'simulate';

/** A program that does not do what it was started for: the message has its last words. */
export class ProgramError extends Error {}

export interface ProgramOptions {
  args?: readonly string[];
  /** The program's environment: this and nothing else but PATH, HOME and TMPDIR. */
  env?: Readonly<Record<string, string>>;
  /** Arguments of Node itself. */
  nodeArgs?: readonly string[];
  /** A command that replaces itself by the program, `taskset -c 1` for instance. */
  through?: readonly string[];
  /** What it reads from standard input; nothing by default. */
  input?: string;
  /** Opens a channel for `askProgram`. */
  ipc?: boolean;
}

/** A running program, with all that it said. */
export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** False once it has ended. */
  isRunning(): boolean;
  /** The exit code, null where a signal ended it. Resolves when its output is complete. */
  readonly ended: Promise<number | null>;
  /** Sends it a signal if it still runs, and resolves as `ended` does. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Where the build of an app's main program is. */
export const mainOf = (app: App): string =>
  fileURLToPath(new URL(`../../../apps/${app}/dist/main.js`, import.meta.url));

/** Starts `node main` with an environment of its own. */
export function startProgram(main: string, options: ProgramOptions = {}): Program {
  const { args = [], env = {}, nodeArgs = [], through = [], input, ipc = false } = options;
  const [command, ...rest] = [...through, process.execPath, ...nodeArgs, main, ...args];
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(command!, rest, {
    env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  child.stdin?.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => void child.once('close', (code) => resolve(code)));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    isRunning,
    ended,
    stop(signal = 'SIGTERM') {
      if (isRunning()) child.kill(signal);
      return ended;
    },
  };
}

/**
 * Sends a program a message over its channel and waits for its answer: one question at a time.
 * @throws ProgramError if it ends before it answers.
 */
export async function askProgram<T>(child: ChildProcess, message: object): Promise<T> {
  const gone = new AbortController();
  const onExit = () => gone.abort(new ProgramError(`a program ended while it was asked: exit code ${child.exitCode}`));
  child.once('exit', onExit);
  try {
    const answer = once(child, 'message', { signal: gone.signal });
    child.send(message);
    return (await answer)[0] as T;
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error;
  } finally {
    child.off('exit', onExit);
  }
}

/** Resolves when `condition` holds, asked every 100 ms; after `timeoutMs` it throws what the last try threw. */
export async function eventually<T>(condition: () => Promise<T> | T, timeoutMs = 30_000): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await condition();
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
