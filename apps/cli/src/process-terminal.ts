import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Terminal } from './terminal.js';

/** The terminal that a process was started in. */
export function processTerminal({ env, stdin, stdout, stderr }: NodeJS.Process): Terminal {
  // `muster … | head` has seen enough: nobody reads what would come, and that is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort());
  }
  return {
    env,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    screen: stdout.isTTY ? { columns: stdout.columns, hasColours: !env['NO_COLOR'] && env['TERM'] !== 'dumb' } : null,
    interrupted: interrupted.signal,

    async askSecret(question) {
      if (stdin.isTTY) stderr.write(question);
      // Echo is the interface's own doing, into what it is told to write to.
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY });
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
