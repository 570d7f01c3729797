/** Processes that answer calls over their IPC channel. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ProgramError, startProgram, type Program, type ProgramOptions } from './child-process.js';

/** The functions that a process offers, by name. */
type Handlers = { [name: string]: (argument: never) => unknown };
type Answer = { error: string } | { result: unknown };

/** Serves calls in this process until the program that started it closes the channel. */
export function serveCalls(handlers: Handlers): void {
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

/**
 * Returns a function that calls a program's handlers over its IPC channel. Only one call may be in progress at a time.
 */
export function createCaller<H extends Handlers>({ child, ended }: Program) {
  const failed = ended.then((exitCode): never => {
    throw new ProgramError(`a program ended before it answered: exit code ${exitCode}`);
  });
  failed.catch(() => undefined);
  /** @throws ProgramError if the handler failed or the process ended. */
  return async <K extends keyof H & string>(
    call: K,
    ...[argument]: Parameters<H[K]>
  ): Promise<Awaited<ReturnType<H[K]>>> => {
    const answered = once(child, 'message') as Promise<[Answer]>;
    child.send({ call, argument });
    const [answer] = await Promise.race([answered, failed]);
    if ('error' in answer) throw new ProgramError(`a call of ${call} failed: ${answer.error}`);
    return answer.result as never;
  };
}

export type WorkerOptions = Pick<ProgramOptions, 'through'>;

/** Starts a built module that calls `serveCalls`. */
export function startWorker<H extends Handlers>(module: URL, { through = [] }: WorkerOptions = {}) {
  const main = fileURLToPath(module);
  const nodeArgs = ['--enable-source-maps'];
  // Ctrl-C in a terminal must not stop the worker. The program that started the worker stops it when it is no longer
  // needed.
  const program = startProgram(main, { through, nodeArgs, ipc: true, detached: true, env: { NODE_ENV: 'production' } });
  program.child.stderr?.pipe(process.stderr);
  return { call: createCaller<H>(program), stop: () => program.stop('SIGKILL') };
}
