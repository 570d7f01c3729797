import {
  AVAILABILITY_SORT_KEYS,
  AvailabilityWindow,
  formatAvailability,
  type Availability,
  type AvailabilityGroups,
  type AvailabilityItem,
  type AvailabilitySegment,
  type UnknownReason,
} from '@muster/contracts';
import type { Client } from '@muster/client';
import { Option, type Command } from 'commander';
import { withApi } from '../api.js';
import { CommandError, ExitCodes } from '../exit.js';
import { formatSeconds } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { FRESHNESS_STYLES } from '../output/styles.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { hostLabelOption, parseCount, parseSort, parseText, resolveUniqueHostIds, takeFirst } from './options.js';

interface Options {
  window: AvailabilityWindow;
  hostLabel?: string[];
  by?: string;
  sort?: string;
  limit?: number;
  output: Format;
}

/** The words for each reason why a host's state is unknown. */
const REASONS: Readonly<Record<UnknownReason, string>> = {
  muster_away: 'unknown: Muster was down',
  not_enrolled: 'unknown: not enrolled yet',
  left: 'unknown: the agent had left',
  no_report: 'unknown: no report yet',
  no_history: 'unknown: no history',
};

const secondsColumn = <Row extends Availability>(title: string, key: keyof Availability['seconds']): Column<Row> => ({
  title,
  text: ({ seconds }) => formatSeconds(seconds[key]),
  raw: ({ seconds }) => String(seconds[key]),
});

const availabilityColumns = <Row extends Availability>(): Column<Row>[] => [
  {
    title: 'AVAILABLE',
    text: ({ ratio }) => formatAvailability(ratio),
    raw: ({ ratio }) => (ratio === null ? '' : String(ratio)),
    style: ({ ratio }) => (ratio !== null && ratio < 1 ? 'yellow' : null),
    widthMin: Infinity,
  },
  secondsColumn('ONLINE', 'online'),
  secondsColumn('ENGINE DOWN', 'engineDown'),
  secondsColumn('STALE', 'stale'),
  secondsColumn('OFFLINE', 'offline'),
  secondsColumn('UNKNOWN', 'unknown'),
];

const HOST_COLUMNS: Column<AvailabilityItem>[] = [
  { title: 'NAME', text: ({ hostName }) => hostName, widthMin: 24 },
  ...availabilityColumns<AvailabilityItem>(),
  { title: 'NOW', text: ({ freshness }) => freshness, style: ({ freshness }) => FRESHNESS_STYLES[freshness] },
  { title: 'ID', text: ({ hostId }) => hostId, omission: 1 },
];

type Group = AvailabilityGroups['groups'][number];

const groupColumns = (key: string): Column<Group>[] => [
  { title: key.toUpperCase(), text: ({ value }) => value ?? '-', raw: ({ value }) => value ?? '', widthMin: 24 },
  { title: 'HOSTS', text: ({ hosts }) => String(hosts), widthMin: Infinity },
  ...availabilityColumns<Group>(),
];

const durationOf = ({ from, to }: AvailabilitySegment): number => (Date.parse(to) - Date.parse(from)) / 1_000;

const SEGMENT_COLUMNS: Column<AvailabilitySegment>[] = [
  { title: 'FROM', text: ({ from }) => from, widthMin: Infinity },
  { title: 'TO', text: ({ to }) => to, widthMin: Infinity },
  {
    title: 'STATE',
    text: ({ state, reason }) => (reason === null ? state : REASONS[reason]),
    style: ({ state }) => (state === 'unknown' ? 'gray' : FRESHNESS_STYLES[state]),
    widthMin: 14,
  },
  {
    title: 'DURATION',
    text: (segment) => formatSeconds(durationOf(segment)),
    raw: (segment) => String(durationOf(segment)),
    widthMin: Infinity,
  },
];

/** Adds the command `muster hosts availability`. */
export function addHostAvailabilityCommand(hosts: Command, terminal: Terminal): void {
  hosts
    .command('availability')
    .summary('show how long hosts were online')
    .description(
      'Lists hosts with the share of the time in which they were online, lowest first, or shows the states of one host ' +
        'over time. Time in which Muster itself was down, or in which a host was not enrolled, does not count.',
    )
    .argument('[host]', 'name or id of one host')
    .addOption(
      new Option('--window <window>', 'period that ends now').choices(AvailabilityWindow.options).default('7d'),
    )
    .addOption(hostLabelOption())
    .option('--by <key>', 'list the values of this host label instead of hosts', parseText)
    .option(
      '--sort <key>',
      `sort key: ${AVAILABILITY_SORT_KEYS.join(', ')}; prefix - for descending`,
      parseSort(AVAILABILITY_SORT_KEYS),
    )
    .option('--limit <number>', 'maximum number of hosts', parseCount)
    .addOption(formatOption())
    .action((host: string | undefined, options: Options) => {
      const { hostLabel, by, sort, limit } = options;
      const others = [hostLabel, by, sort, limit].some((option) => option !== undefined);
      if (host !== undefined && others) {
        throw new CommandError('[host] cannot be combined with options that select or sort hosts', ExitCodes.usage);
      }
      if (by !== undefined && (sort !== undefined || limit !== undefined)) {
        throw new CommandError('--by cannot be combined with --sort or --limit', ExitCodes.usage);
      }
      return withApi(terminal, async (client) => {
        if (host !== undefined) await printHost(terminal, client, host, options);
        else if (by !== undefined) await printGroups(terminal, client, by, options);
        else await printHosts(terminal, client, options);
      });
    });
}

async function printHost(terminal: Terminal, client: Client, host: string, options: Options): Promise<void> {
  const { window, output } = options;
  const [hostId] = await resolveUniqueHostIds(client, [host]);
  const availability = await client.call('getHostAvailability', { params: { hostId: hostId! }, query: { window } });
  writeList(terminal, output, SEGMENT_COLUMNS, availability.segments, '');
  if (output !== 'table' && output !== 'wide') return;
  terminal.out(`\nAvailable in the last ${window}: ${formatAvailability(availability.ratio)}\n`);
  if (!availability.isExact)
    terminal.out('The rows have equal lengths. Each row shows the worst state that occurred in it.\n');
}

async function printGroups(terminal: Terminal, client: Client, by: string, options: Options): Promise<void> {
  const { window, hostLabel, output } = options;
  const { groups, hasMore } = await client.call('getAvailabilityGroups', { query: { window, hostLabel, by } });
  writeList(terminal, output, groupColumns(by), groups, 'No hosts.');
  if (hasMore) terminal.err(`muster: only the first ${groups.length} values are listed\n`);
}

async function printHosts(terminal: Terminal, client: Client, options: Options): Promise<void> {
  const { window, hostLabel, limit = Infinity, output } = options;
  // Each page in the order of ratios reads the history of all hosts. A complete list is therefore read in the order of
  // names, and sorted here.
  const isWhole = limit === Infinity;
  const sort = options.sort ?? (isWhole ? 'name' : 'ratio');
  const query = { window, hostLabel, sort, limit: Math.min(limit, 200) };
  const items = await takeFirst(client.items('listAvailabilityItems', { query }), limit);
  if (isWhole && options.sort === undefined) items.sort((a, b) => (a.ratio ?? Infinity) - (b.ratio ?? Infinity));
  writeList(terminal, output, HOST_COLUMNS, items, hostLabel ? 'No hosts match the filters.' : 'No hosts.');
}
