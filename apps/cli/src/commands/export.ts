import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { toTerminalJson } from '@muster/contracts';
import { Argument, Option, type Command } from 'commander';
import { withApi } from '../api.js';
import { CommandError, ExitCodes } from '../exit.js';
import { fileError } from '../file-error.js';
import { sanitizeCsv } from '../output/format.js';
import type { Terminal } from '../terminal.js';
import { hostLabelOption } from './options.js';

interface Options {
  infra?: boolean;
  format: 'csv' | 'ndjson';
  file?: string;
  hostLabel?: string[];
}

/** Adds the command `muster export`. */
export function addExportCommand(program: Command, terminal: Terminal): void {
  program
    .command('export')
    .summary('export all containers, or all events of containers or hosts, as CSV or NDJSON')
    .addArgument(new Argument('<what>', 'what to export').choices(['containers', 'events', 'host-events']))
    .addOption(new Option('--format <format>', 'file format').choices(['csv', 'ndjson']).default('csv'))
    .addOption(hostLabelOption())
    .option('--infra', 'include the infra containers of pods')
    .option(
      '--file <file>',
      'write to this file, which is created only when the export is complete (default: standard output)',
    )
    .action((what: 'containers' | 'events' | 'host-events', { format, infra, file, hostLabel }: Options) =>
      withApi(terminal, async (client) => {
        const name = what === 'containers' ? 'exportContainers' : 'exportEvents';
        if (infra && what !== 'containers')
          throw new CommandError('--infra applies only to containers', ExitCodes.usage);
        const { body } = await client.call(
          name,
          {
            query: {
              format,
              hostLabel,
              ...(infra ? { infra } : {}),
              ...(what === 'host-events' ? { subject: 'host' as const } : {}),
            },
          },
          { signal: terminal.interrupted },
        );
        if (body === null) throw new CommandError('the server sent an empty response');
        const chunks = readCompletely(body);
        if (file !== undefined) await writeFileAtomically(file, chunks);
        else {
          const decoder = new TextDecoder();
          const sanitize = (text: string) => (format === 'csv' ? sanitizeCsv(terminal, text) : toTerminalJson(text));
          for await (const chunk of chunks) {
            const text = decoder.decode(chunk, { stream: true });
            terminal.out(terminal.screen === null ? text : sanitize(text));
          }
        }
      }),
    );
}

/** Iterates over a body. @throws CommandError if the connection ends before the body is complete. */
async function* readCompletely(body: NonNullable<Response['body']>): AsyncGenerator<Uint8Array> {
  try {
    yield* Readable.fromWeb(body) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new CommandError('the connection ended before the export was complete', ExitCodes.unreachable, {
      cause: error,
    });
  }
}

/** Writes a temporary file and renames it, so that an incomplete file never has the final name. */
async function writeFileAtomically(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporaryFile = `${file}.${randomUUID()}.part`;
  try {
    const handle = await open(temporaryFile, 'wx', 0o600);
    try {
      for await (const chunk of chunks) await handle.write(chunk);
    } finally {
      await handle.close();
    }
    await rename(temporaryFile, file);
  } catch (error) {
    await rm(temporaryFile, { force: true });
    throw fileError(`${file} cannot be written`, error);
  }
}
