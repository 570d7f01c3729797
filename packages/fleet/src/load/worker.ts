/** Worker processes that answer calls over the IPC channel. */
import { fileURLToPath } from 'node:url';
import { askProgram, ProgramError, startProgram } from '@muster/testkit';

/** The functions that a worker offers, by name. */
type Handlers = { [name: string]: (argument: never) => unknown };
type Answer = { error: string } | { result: unknown };

/** Serves calls in this process until the program that started it closes the channel. */
export function serveWorker(handlers: Handlers): void {
  const answer = async ({ call, argument }: { call: string; argument: unknown }): Promise<Answer> => {
    try {
      return { result: await handlers[call]!(argument as never) };
    } catch (error) {
      return { error: String(error) };
    }
  };
  process.on('message', (message: { call: string; argument: unknown }) => {
    void answer(message).then((reply) => process.send?.(reply));
  });
  process.on('disconnect', () => process.exit());
}

export interface WorkerOptions {
  /** A command that starts the process, as in ProgramOptions. */
  through?: readonly string[];
  /** Kills the process, and rejects the call in progress. */
  signal?: AbortSignal;
}

/** A worker process. It handles one call at a time. */
export interface Worker<H extends Handlers> {
  /** @throws ProgramError if the handler failed or the process ended. */
  call<K extends keyof H>(name: K, ...argument: Parameters<H[K]>): Promise<Awaited<ReturnType<H[K]>>>;
  stop(): Promise<void>;
}

/** Starts a built module that calls `serveWorker`. */
export function startWorker<H extends Handlers>(module: URL, { through = [], signal }: WorkerOptions = {}): Worker<H> {
  const main = fileURLToPath(module);
  const nodeArgs = ['--enable-source-maps'];
  // Ctrl-C in a terminal must not reach it: the program that started it stops it in its own order.
  const program = startProgram(main, { through, nodeArgs, ipc: true, detached: true, env: { NODE_ENV: 'production' } });
  program.child.stderr?.pipe(process.stderr);
  const kill = () => void program.stop('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  return {
    async call(name, ...[argument]) {
      const answer = await askProgram<Answer>(program.child, { call: name, argument });
      if ('error' in answer) throw new ProgramError(`a call of ${String(name)} failed: ${answer.error}`);
      return answer.result as never;
    },
    async stop() {
      signal?.removeEventListener('abort', kill);
      await program.stop('SIGKILL');
    },
  };
}
