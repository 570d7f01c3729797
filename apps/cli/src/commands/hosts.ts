import type { Host } from '@muster/contracts';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { age } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { FRESHNESS_STYLES } from '../output/styles.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';

const columnsAt = (now: Date): Column<Host>[] => [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'FRESHNESS', text: ({ freshness }) => freshness, style: ({ freshness }) => FRESHNESS_STYLES[freshness] },
  {
    title: 'SEEN',
    text: ({ lastSeenAt }) => age(lastSeenAt, now),
    raw: ({ lastSeenAt }) => lastSeenAt ?? '',
  },
  { title: 'CONTAINERS', text: ({ containerCount }) => String(containerCount) },
  { title: 'ENGINE', text: ({ engine }) => `${engine.name} ${engine.version}` },
  { title: 'OS', text: ({ os }) => os },
  { title: 'AGENT', text: ({ agentVersion }) => agentVersion },
  { title: 'ID', text: ({ id }) => id },
];

/** `muster hosts`. */
export function addHostsCommand(program: Command, terminal: Terminal): void {
  program
    .command('hosts')
    .summary('list hosts, and how current each is')
    .addOption(formatOption())
    .action(({ output }: { output: Format }) =>
      withApi(terminal, async (client) => {
        const hosts: Host[] = [];
        for await (const host of client.items('listHosts', { query: { limit: 200 } })) hosts.push(host);
        writeList(terminal, output, columnsAt(new Date()), hosts);
      }),
    );
}
