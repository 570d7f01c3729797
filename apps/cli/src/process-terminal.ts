import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { parseEnv } from './env.js';
import { CommandError, ExitCodes } from './exit.js';
import { fileError } from './file-error.js';
import type { Terminal } from './terminal.js';

/** Creates a Terminal for the standard streams of a process. */
export function processTerminal({ env, stdin, stdout, stderr }: NodeJS.Process): Terminal {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // In `muster … | head`, the reader exits early, which is not an error.
    if (error.code === 'EPIPE') process.exit(ExitCodes.ok);
    const failure = fileError('the output cannot be written', error);
    if (!(failure instanceof CommandError)) throw error;
    stderr.write(`muster: ${failure.message}\n`);
    process.exit(failure.exitCode);
  });
  // An error of standard error cannot be shown anywhere. The exit code is the result of the command.
  stderr.on('error', () => undefined);
  const { NO_COLOR, TERM } = parseEnv(env);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort());
  }
  return {
    env,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    screen: stdout.isTTY ? { columns: stdout.columns, hasColors: NO_COLOR === undefined && TERM !== 'dumb' } : null,
    interrupted: interrupted.signal,

    async askSecret(question) {
      if (stdin.isTTY) stderr.write(question);
      // readline echoes the input to its output stream, which is therefore discarded.
      const discardedOutput = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: stdin, output: discardedOutput, terminal: stdin.isTTY });
      try {
        const { value } = (await lines[Symbol.asyncIterator]().next()) as IteratorResult<string, undefined>;
        return value?.trim() ?? '';
      } finally {
        lines.close();
        if (stdin.isTTY) stderr.write('\n');
      }
    },
  };
}
