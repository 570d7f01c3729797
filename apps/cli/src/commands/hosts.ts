import { Freshness, HOST_SORT_KEYS, HostProblemCode, type Host } from '@muster/contracts';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { formatAge } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { FRESHNESS_STYLES } from '../output/styles.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { parseCount, takeFirst, collectChoices } from './options.js';

interface Options {
  freshness?: Freshness[];
  problem?: HostProblemCode[];
  search?: string;
  sort?: string;
  limit?: number;
  output: Format;
}

const columnsAt = (now: Date): Column<Host>[] => [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'FRESHNESS', text: ({ freshness }) => freshness, style: ({ freshness }) => FRESHNESS_STYLES[freshness] },
  {
    title: 'SEEN',
    text: ({ lastSeenAt }) => formatAge(lastSeenAt, now),
    raw: ({ lastSeenAt }) => lastSeenAt ?? '',
  },
  {
    title: 'PROBLEMS',
    text: ({ problems }) => problems.map(({ code }) => code).join(',') || '-',
    raw: ({ problems }) => problems.map(({ code, since, message }) => `${code} since ${since}: ${message}`).join('; '),
    style: ({ problems }) => (problems.length > 0 ? 'red' : null),
  },
  { title: 'CONTAINERS', text: ({ containerCount }) => String(containerCount) },
  { title: 'ENGINE', text: ({ engine }) => `${engine.name} ${engine.version}` },
  { title: 'OS', text: ({ os }) => os },
  { title: 'AGENT', text: ({ agentVersion }) => agentVersion },
  { title: 'ID', text: ({ id }) => id },
];

/** Adds the command `muster hosts`. */
export function addHostsCommand(program: Command, terminal: Terminal): void {
  program
    .command('hosts')
    .summary('list hosts and their freshness')
    .option(
      '--freshness <word>',
      `filter by freshness: ${Freshness.options.join(', ')} (repeatable)`,
      collectChoices(Freshness.options),
    )
    .option(
      '--problem <code>',
      `filter by problem: ${HostProblemCode.options.join(', ')} (repeatable)`,
      collectChoices(HostProblemCode.options),
    )
    .option('-q, --search <text>', 'search text')
    .option('--sort <key>', `sort key: ${HOST_SORT_KEYS.join(', ')}; prefix - for descending`)
    .option('--limit <number>', 'maximum number of hosts', parseCount)
    .addOption(formatOption())
    .action(({ freshness, problem, search: q, sort, limit = Infinity, output }: Options) =>
      withApi(terminal, async (client) => {
        const query = { freshness, problem, q, sort, limit: Math.min(limit, 200) };
        const hosts = await takeFirst(client.items('listHosts', { query }), limit);
        writeList(terminal, output, columnsAt(new Date()), hosts);
      }),
    );
}
