import { toTerminalJson, type HostGroup } from '@muster/contracts';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { hostLabelOption, parseText } from './options.js';

interface Options {
  hostLabel?: string[];
  output: Format;
}

/** A group, or the sum of all groups that are not listed separately. `title` is the title of the row. */
type Row = Omit<HostGroup, 'value'> & { title: string };

const stateOf = ({ containers }: Row, state: string): string => String(containers.current.byState[state] ?? 0);

const columnsBy = (key: string): Column<Row>[] => [
  { title: key, text: ({ title }) => title || '(empty)', raw: ({ title }) => title, widthMin: 12 },
  { title: 'HOSTS', text: ({ hosts }) => String(hosts.total), widthMin: Infinity },
  { title: 'ONLINE', text: ({ hosts }) => String(hosts.byFreshness.online), widthMin: Infinity },
  {
    title: 'NOT ONLINE',
    text: ({ hosts }) => String(hosts.total - hosts.byFreshness.online),
    style: ({ hosts }) => (hosts.total > hosts.byFreshness.online ? 'yellow' : null),
    widthMin: Infinity,
  },
  { title: 'CONTAINERS', text: ({ containers }) => String(containers.current.total), widthMin: Infinity },
  { title: 'RUNNING', text: (row) => stateOf(row, 'running'), widthMin: Infinity },
  { title: 'EXITED', text: (row) => stateOf(row, 'exited'), widthMin: Infinity },
  { title: 'LAST KNOWN', text: ({ containers }) => String(containers.lastKnown.total), widthMin: Infinity },
];

/** Adds the command `muster hosts groups`. */
export function addHostGroupsCommand(hosts: Command, terminal: Terminal): void {
  hosts
    .command('groups')
    .summary('count hosts and containers by the value of a label')
    .description(
      'Counts hosts and their containers by the value of a label. LAST KNOWN counts the containers on hosts that are ' +
        'not online; the other columns of containers count the containers on hosts that are online.',
    )
    .argument('<key>', 'key of the label', parseText)
    .addOption(hostLabelOption())
    .addOption(formatOption())
    .action((by: string, { hostLabel, output }: Options) =>
      withApi(terminal, async (client) => {
        const answer = await client.call('getHostGroups', { query: { by, hostLabel } });
        const { groups, other } = answer;
        const rows: Row[] = groups.map(({ value, ...counts }) => ({ title: value ?? '(no label)', ...counts }));
        if (other !== null) rows.push({ title: '(other values)', ...other });
        // JSON has the API's answer: the value is null for hosts without the label, and `other` is separate.
        if (output === 'json') terminal.out(`${toTerminalJson(JSON.stringify(answer, null, 2))}\n`);
        else writeList(terminal, output, columnsBy(by), rows, 'No hosts.');
      }),
    );
}
