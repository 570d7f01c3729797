import { ENROLLMENT_TOKEN_SECONDS_MAX, type EnrollmentToken, type HostLabels } from '@muster/contracts';
import { InvalidArgumentError, type Command } from 'commander';
import { withApi } from '../api.js';
import { formatDistance } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { formatLabels, parseCount, parseDuration, parseLabels, parseText, takeFirst } from './options.js';

/** Adds the command `muster enroll-token`. */
export function addEnrollTokenCommand(program: Command, terminal: Terminal): void {
  const command = program.command('enroll-token').summary('create, list and revoke enrollment tokens');

  command
    .command('create')
    .summary('create a token')
    .description('Creates an enrollment token and writes only the token to standard output. It is shown only once.')
    .argument('<name>', 'name of the token', parseText)
    .option('--uses <number>', 'number of hosts that the token can enroll', parseCount, 1)
    .option('--expires <time>', 'lifetime, for example 30m, 12h, 7d (default: 1 day)', parseLifetime)
    .option('--labels <key=value,…>', 'labels of the hosts that enroll with the token', parseLabels)
    .action((name: string, { uses, expires, labels }: { uses: number; expires?: number; labels?: HostLabels }) =>
      withApi(
        terminal,
        async (client) => {
          const limits = { maxUses: uses, ...(expires === undefined ? {} : { expiresInSeconds: expires }) };
          const { token, id, expiresAt } = await client.call('createEnrollmentToken', {
            body: { name, labels, ...limits },
          });
          terminal.err(`Valid for ${uses === 1 ? 'one host' : `${uses} hosts`} until ${expiresAt}. Token id: ${id}\n`);
          terminal.out(`${token}\n`);
        },
        { name: 'the name' },
      ),
    );

  command
    .command('list')
    .summary('list tokens, without their secrets')
    .addOption(formatOption())
    .action(({ output }: { output: Format }) =>
      withApi(terminal, async (client) => {
        const tokens = await takeFirst(client.items('listEnrollmentTokens', { query: { limit: 200 } }), Infinity);
        writeList(terminal, output, columnsAt(new Date()), tokens, 'No enrollment tokens.');
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

function parseLifetime(text: string): number {
  const seconds = parseDuration(text);
  if (seconds > ENROLLMENT_TOKEN_SECONDS_MAX) throw new InvalidArgumentError('must be at most 365d');
  return seconds;
}

const columnsAt = (now: Date): Column<EnrollmentToken>[] => [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'USES', text: ({ uses, maxUses }) => `${uses} of ${maxUses}`, widthMin: Infinity },
  {
    title: 'EXPIRES',
    text: ({ expiresAt }) => formatDistance(expiresAt, now),
    raw: ({ expiresAt }) => expiresAt,
    wide: ({ expiresAt }) => expiresAt,
    style: ({ expiresAt }) => (Date.parse(expiresAt) < now.getTime() ? 'gray' : null),
    widthMin: Infinity,
  },
  {
    title: 'REVOKED',
    text: ({ revokedAt }) => (revokedAt === null ? '-' : formatDistance(revokedAt, now)),
    raw: ({ revokedAt }) => revokedAt ?? '',
    wide: ({ revokedAt }) => revokedAt ?? '-',
    style: () => 'gray',
    widthMin: Infinity,
  },
  { title: 'LABELS', isWideOnly: true, text: ({ labels }) => formatLabels(labels) || '-' },
  { title: 'ID', text: ({ id }) => id, widthMin: Infinity },
];
