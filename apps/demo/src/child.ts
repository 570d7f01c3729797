import { spawn } from 'node:child_process';

/** A program of the demo's, run as a process of its own. */
export interface Child {
  readonly name: string;
  /** What it has written to stdout so far. */
  stdout(): string;
  /** Resolves when it has ended, with what to say of it: its last words and how it ended. */
  readonly ended: Promise<string>;
  /** Asks it to end, insists after a while, and resolves when it has. */
  stop(): Promise<void>;
  /** Ends it at once: for the moment when the demo itself is ending. */
  kill(): void;
}

const STOP_MS_MAX = 12_000;
const LAST_WORDS_LENGTH_MAX = 2_000;

/** Starts `node program …args` with this environment and no other. */
export function startChild(name: string, program: string, args: readonly string[], env: Record<string, string>): Child {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...inherited(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C is the demo's, which ends its children in their order.
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout = (stdout + chunk.toString()).slice(-LAST_WORDS_LENGTH_MAX)));
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-LAST_WORDS_LENGTH_MAX)));
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${name} cannot be started: ${error.message}`));
    child.once('close', (code, signal) => {
      const lastWords = stderr.trim().split('\n').slice(-3).join('\n  ');
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      resolve(`${name} ended ${how}${lastWords === '' ? '' : `:\n  ${lastWords}`}`);
    });
  });
  const kill = (signal: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  return {
    name,
    stdout: () => stdout,
    ended,
    async stop() {
      kill('SIGTERM');
      const insist = setTimeout(() => kill('SIGKILL'), STOP_MS_MAX);
      await ended;
      clearTimeout(insist);
    },
    kill: () => kill('SIGKILL'),
  };
}

/** What a program needs of the environment to run at all; no DATABASE_URL, no token of the person's own. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_EXTRA_CA_CERTS'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
