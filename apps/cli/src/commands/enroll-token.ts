import type { EnrollmentToken } from '@muster/contracts';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { count, duration, first } from './options.js';

/** `muster enroll-token`. */
export function addEnrollTokenCommand(program: Command, terminal: Terminal): void {
  const command = program.command('enroll-token').summary('make, list and revoke what lets hosts in');

  command
    .command('create')
    .summary('make a token')
    .description('Makes an enrollment token, and writes it alone to standard output. It is shown this once.')
    .argument('<name>', 'what it is for')
    .option('--uses <number>', 'hosts that it is good for', count, 1)
    .option('--expires <time>', 'how long it is good: 30m, 12h, 7d (a day by default)', duration)
    .action((name: string, { uses, expires }: { uses: number; expires?: number }) =>
      withApi(terminal, async (client) => {
        const limits = { maxUses: uses, ...(expires === undefined ? {} : { expiresInSeconds: expires }) };
        const { token, id, expiresAt } = await client.call('createEnrollmentToken', { body: { name, ...limits } });
        terminal.err(`Good for ${uses === 1 ? 'one host' : `${uses} hosts`} until ${expiresAt}; its id is ${id}.\n`);
        terminal.out(`${token}\n`);
      }),
    );

  command
    .command('list')
    .summary('list them, never the tokens themselves')
    .addOption(formatOption())
    .action(({ output }: { output: Format }) =>
      withApi(terminal, async (client) => {
        const tokens = await first(client.items('listEnrollmentTokens', { query: { limit: 200 } }), Infinity);
        writeList(terminal, output, COLUMNS, tokens);
      }),
    );

  command
    .command('revoke')
    .summary('make one good for no more hosts; those that it let in stay')
    .argument('<id>', 'its id, as the list has it')
    .action((enrollmentTokenId: string) =>
      withApi(terminal, async (client) => {
        await client.call('revokeEnrollmentToken', { params: { enrollmentTokenId } });
      }),
    );
}

const COLUMNS: Column<EnrollmentToken>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'USES', text: ({ uses, maxUses }) => `${uses} of ${maxUses}` },
  { title: 'EXPIRES', text: ({ expiresAt }) => expiresAt },
  { title: 'REVOKED', text: ({ revokedAt }) => revokedAt ?? '-', raw: ({ revokedAt }) => revokedAt ?? '' },
  { title: 'ID', text: ({ id }) => id },
];
