/** Starts commands, and the built programs of this repository, as child processes. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A program failed or ended early. The message contains the end of its output. */
export class ProgramError extends Error {}

export interface CommandOptions {
  /** The environment variables. Only PATH, HOME and TMPDIR are inherited. */
  env?: Readonly<Record<string, string>>;
  /** The text on standard input. Without it, standard input is empty. */
  input?: string;
  /** Opens an IPC channel for `createCaller`. */
  ipc?: boolean;
  /** Starts the program in a new process group, so that Ctrl-C in the terminal does not stop it. */
  detached?: boolean;
}

export interface ProgramOptions extends CommandOptions {
  args?: readonly string[];
  /** Arguments of Node itself. */
  nodeArgs?: readonly string[];
  /** A command that replaces itself with the program, for example `taskset -c 1`. */
  through?: readonly string[];
}

/** A running program and its output so far. */
export type Program = ReturnType<typeof startCommand>;

/** Returns the path of an app's built main program. */
export const mainOf = (app: 'api' | 'agent' | 'cli' | 'demo' | 'simulate'): string =>
  fileURLToPath(new URL(`../../../apps/${app}/dist/main.js`, import.meta.url));

/** Starts `node main`. */
export function startProgram(main: string, options: ProgramOptions = {}): Program {
  const { args = [], nodeArgs = [], through = [], ...rest } = options;
  return startCommand([...through, process.execPath, ...nodeArgs, main, ...args], rest);
}

/** Starts a command, which consists of a program and its arguments. */
export function startCommand(command: readonly string[], options: CommandOptions = {}) {
  const { env, input, ipc = false, detached = false } = options;
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(command[0]!, command.slice(1), {
    env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    detached,
  });
  child.stdin?.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const kill = (signal: NodeJS.Signals) => isRunning() && child.kill(signal);
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    isRunning,
    /** Resolves to the exit code, or null after a signal, when the program has ended and its output is complete. */
    ended,
    /**
     * Sends a signal to the program if it is running, and waits for its end. Kills the program if it is still running
     * after `killAfterMs`.
     */
    async stop(signal: NodeJS.Signals = 'SIGTERM', killAfterMs?: number): Promise<number | null> {
      kill(signal);
      const timer = killAfterMs === undefined ? undefined : setTimeout(() => kill('SIGKILL'), killAfterMs);
      const exitCode = await ended;
      clearTimeout(timer);
      return exitCode;
    },
  };
}

/** Calls `action` until it succeeds. @throws the error of the last call if no call has succeeded within `timeoutMs`. */
export async function eventually<T>(action: () => Promise<T> | T, timeoutMs = 30_000, pollMs = 100): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(pollMs);
    }
  }
}
