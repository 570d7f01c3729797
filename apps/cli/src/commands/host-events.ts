import type { Client, ConnectionState } from '@muster/client';
import {
  describeHostEvent,
  HOST_EVENT_KINDS,
  HostEventPage,
  type HostEvent,
  type HostEventKind,
} from '@muster/contracts';
import type { Command } from 'commander';
import { withApi, type Api } from '../api.js';
import { CommandError, ExitCodes } from '../exit.js';
import { createListWriter, formatOption, writeList, type Format } from '../output/format.js';
import type { Column, Style } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { followLabeledHosts } from './labeled-hosts.js';
import { collectChoices, parseCount, parseInstant, resolveHostIds, takeFirst } from './options.js';
import { createOutageReport, keyInvalidError } from './watch.js';

interface Filters {
  hostLabel?: string[];
  kind?: HostEventKind[] | undefined;
  since?: string;
  until?: string;
  limit: number;
  output: Format;
}

const STYLES: Partial<Record<HostEventKind, Style>> = {
  host_offline: 'red',
  engine_down: 'red',
  clone_suspected: 'red',
  problem_started: 'red',
  host_back: 'green',
  engine_up: 'green',
  problem_ended: 'green',
};

const COLUMNS: Column<HostEvent>[] = [
  {
    title: 'TIME',
    text: ({ at }) => at.replace(/\.\d+Z$/, 'Z'),
    raw: ({ at }) => at,
    wide: ({ at }) => at,
    widthMin: Infinity,
  },
  { title: 'HOST', text: ({ hostName }) => hostName, widthMin: 14 },
  { title: 'KIND', text: ({ kind }) => kind, style: ({ kind }) => STYLES[kind] ?? null, widthMin: Infinity },
  { title: 'WHAT', text: (event) => describeHostEvent(event), widthMin: 16 },
];

/** Reads the latest events that match, oldest first. */
async function readHostEvents(
  client: Client,
  { hostLabel, kind, since, until, limit }: Filters,
  hostId: string[] | undefined,
): Promise<HostEvent[]> {
  async function* pages(): AsyncGenerator<HostEvent> {
    const filters = { subject: 'host' as const, hostId, hostLabel, kind, since, until, limit: Math.min(limit, 200) };
    let cursor: string | undefined;
    do {
      const page = HostEventPage.parse(await client.call('listEvents', { query: { ...filters, cursor } }));
      yield* page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
  return (await takeFirst(pages(), limit)).reverse();
}

/** Prints the events of hosts that match. */
export async function printHostEvents(
  terminal: Terminal,
  client: Client,
  filters: Filters,
  hostId: string[] | undefined,
): Promise<void> {
  const { hostLabel, kind, since, until, output } = filters;
  const isFiltered = [hostId, hostLabel, kind, since, until].some((filter) => filter !== undefined);
  const emptyText = isFiltered ? 'No events match the filters.' : 'No events.';
  writeList(terminal, output, COLUMNS, await readHostEvents(client, filters, hostId), emptyText);
}

/** Prints past events of hosts, and then new events as they are recorded. */
export async function followHostEvents(
  terminal: Terminal,
  { client, toCommandError }: Api,
  filters: Filters,
  hostId: string[] | undefined,
): Promise<void> {
  const { hostLabel, output } = filters;
  const kind = filters.kind ?? [...HOST_EVENT_KINDS];
  const labeledHosts = followLabeledHosts(client, hostLabel);
  let printedIds: ReadonlySet<string> | null = null;
  const write = createListWriter(terminal, output, COLUMNS);
  const reportOutage = createOutageReport(terminal, toCommandError);
  const onState = (state: ConnectionState) => reportOutage(state);
  for await (const message of client.stream({ query: { hostId, kind }, signal: terminal.interrupted, onState })) {
    if (message.event === 'unauthorized') throw keyInvalidError();
    if (printedIds === null) {
      // The stream is opened first, so that no event is missed between the past events and the new ones.
      const pastEvents = await readHostEvents(client, filters, hostId);
      printedIds = new Set(pastEvents.map(({ id }) => id));
      write(pastEvents);
    }
    labeledHosts.update(message);
    if (message.event !== 'host-event' || printedIds.has(message.data.id)) continue;
    if (await labeledHosts.has(message.data.hostId)) write([message.data]);
  }
}

/** Adds the command `muster hosts events`, which lists the events of one host. */
export function addHostEventsCommand(hosts: Command, terminal: Terminal): void {
  hosts
    .command('events')
    .summary('list the events of a host, latest last')
    .argument('<host>', 'the name or id of the host')
    .option(
      '--kind <kind>',
      `filter by kind: ${HOST_EVENT_KINDS.join(', ')} (repeatable)`,
      collectChoices(HOST_EVENT_KINDS),
    )
    .option('--since <time>', 'start: 2026-01-31T12:00:00Z, or an age such as 30m, 12h, 7d', parseInstant)
    .option('--until <time>', 'end, in the same format', parseInstant)
    .option('--limit <number>', 'maximum number of events; the latest are listed', parseCount, 50)
    .addOption(formatOption())
    .action((host: string, filters: Filters) => {
      const { since, until } = filters;
      if (since !== undefined && until !== undefined && since >= until)
        throw new CommandError('--since must be earlier than --until', ExitCodes.usage);
      return withApi(terminal, async (client) =>
        printHostEvents(terminal, client, filters, await resolveHostIds(client, [host])),
      );
    });
}
