import type { EnrollmentToken } from '@muster/contracts';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { parseCount, parseDuration, takeFirst } from './options.js';

/** Adds the command `muster enroll-token`. */
export function addEnrollTokenCommand(program: Command, terminal: Terminal): void {
  const command = program.command('enroll-token').summary('create, list and revoke enrollment tokens');

  command
    .command('create')
    .summary('create a token')
    .description('Creates an enrollment token and writes only the token to standard output. It is shown only once.')
    .argument('<name>', 'name of the token')
    .option('--uses <number>', 'number of hosts that the token can enroll', parseCount, 1)
    .option('--expires <time>', 'lifetime, for example 30m, 12h, 7d (default: 1 day)', parseDuration)
    .action((name: string, { uses, expires }: { uses: number; expires?: number }) =>
      withApi(terminal, async (client) => {
        const limits = { maxUses: uses, ...(expires === undefined ? {} : { expiresInSeconds: expires }) };
        const { token, id, expiresAt } = await client.call('createEnrollmentToken', { body: { name, ...limits } });
        terminal.err(`Valid for ${uses === 1 ? 'one host' : `${uses} hosts`} until ${expiresAt}. Token id: ${id}\n`);
        terminal.out(`${token}\n`);
      }),
    );

  command
    .command('list')
    .summary('list tokens, without their secrets')
    .addOption(formatOption())
    .action(({ output }: { output: Format }) =>
      withApi(terminal, async (client) => {
        const tokens = await takeFirst(client.items('listEnrollmentTokens', { query: { limit: 200 } }), Infinity);
        writeList(terminal, output, COLUMNS, tokens);
      }),
    );

  command
    .command('revoke')
    .summary('revoke a token; hosts that it enrolled are unaffected')
    .argument('<id>', 'the id of the token, as shown by list')
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
