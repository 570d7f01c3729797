import type { Client, ConnectionState } from '@muster/client';
import {
  describeExit,
  describeLoop,
  EventKind,
  HOST_EVENT_KINDS,
  type HostEventKind,
  isErrorExit,
  mergeReplacements,
  toTerminalText,
  type ContainerEvent,
  type ExitReason,
  type HistoryEntry,
  type Replacement,
  type StreamMessage,
} from '@muster/contracts';
import { Option, type Command } from 'commander';
import { withApi, type Api } from '../api.js';
import { CommandError, ExitCodes } from '../exit.js';
import { createListWriter, formatOption, writeList, type Format } from '../output/format.js';
import type { Column, Style } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import {
  exitReasonOption,
  parseCount,
  takeFirst,
  resolveHostIds,
  hostOption,
  hostLabelOption,
  projectOption,
  serviceOption,
  parseInstant,
  collect,
  collectChoices,
} from './options.js';
import { followHostEvents, printHostEvents } from './host-events.js';
import { followLabeledHosts } from './labeled-hosts.js';
import { createOutageReport, keyInvalidError } from './watch.js';

const LIMIT_DEFAULT = 50;

interface Options {
  subject: 'container' | 'host';
  host?: string[];
  hostLabel?: string[];
  name?: string[];
  project?: string[];
  service?: string[];
  kind?: (EventKind | HostEventKind)[];
  exitReason?: ExitReason[];
  since?: string;
  until?: string;
  limit: number;
  output: Format;
  follow?: boolean;
}

/** Adds the command `muster events`. */
export function addEventsCommand(program: Command, terminal: Terminal): void {
  program
    .command('events')
    .summary('list events of containers or hosts, latest last')
    .addOption(new Option('--subject <subject>', 'whose events').choices(['container', 'host']).default('container'))
    .addOption(hostOption())
    .addOption(hostLabelOption())
    .option('--name <name>', 'filter by container name (repeatable)', collect)
    .addOption(projectOption())
    .addOption(serviceOption())
    .option(
      '--kind <kind>',
      `filter by kind: ${EventKind.options.join(', ')}; with --subject host: ${HOST_EVENT_KINDS.join(', ')} (repeatable)`,
      collectChoices([...EventKind.options, ...HOST_EVENT_KINDS]),
    )
    .addOption(exitReasonOption())
    .option('--since <time>', 'start: 2026-01-31T12:00:00Z, or an age such as 30m, 12h, 7d', parseInstant)
    .option('--until <time>', 'end, in the same format', parseInstant)
    .option('--limit <number>', 'maximum number of events; the latest are listed', parseCount, LIMIT_DEFAULT)
    .addOption(formatOption())
    .option('-f, --follow', 'after the list, print each new event, until interrupted')
    .action((options: Options) => {
      const { since, until } = options;
      if (since !== undefined && until !== undefined && since >= until) {
        throw new CommandError('--since must be earlier than --until', ExitCodes.usage);
      }
      checkSubject(options);
      return withApi(terminal, async (client, api) => {
        const hostId = await resolveHostIds(client, options.host);
        if (options.subject === 'host') {
          const filters = { ...options, kind: options.kind as HostEventKind[] | undefined };
          await (options.follow
            ? followHostEvents(terminal, api, filters, hostId)
            : printHostEvents(terminal, client, filters, hostId));
          return;
        }
        await (options.follow
          ? follow(terminal, api, options, hostId)
          : printEvents(terminal, client, options, hostId));
      });
    });
}

/** @throws CommandError if an option cannot match any event of the subject. */
function checkSubject({ subject, kind = [], name, project, service, exitReason }: Options): void {
  const kinds: readonly string[] = subject === 'host' ? HOST_EVENT_KINDS : EventKind.options;
  const other = kind.find((one) => !kinds.includes(one));
  if (other !== undefined) throw new CommandError(`${other} is not a kind of ${subject} events`, ExitCodes.usage);
  if (subject === 'host' && [name, project, service, exitReason].some((filter) => filter !== undefined))
    throw new CommandError('--name, --project, --service and --exit-reason apply only to containers', ExitCodes.usage);
}

async function readEvents(client: Client, options: Options, hostId: string[] | undefined): Promise<ContainerEvent[]> {
  const { hostLabel, name, project, service, kind, exitReason, since, until, limit } = options;
  const query = {
    hostId,
    hostLabel,
    name,
    project,
    service,
    kind,
    exitReason,
    since,
    until,
    limit: Math.min(limit, 200),
  };
  return (await takeFirst(client.items('listEvents', { query }), limit)).reverse();
}

async function printEvents(
  terminal: Terminal,
  client: Client,
  options: Options,
  hostId: string[] | undefined,
): Promise<void> {
  const { host, hostLabel, name, project, service, kind, exitReason, since, until, output } = options;
  const filters = [host, hostLabel, name, project, service, kind, exitReason, since, until];
  const isFiltered = filters.some((filter) => filter !== undefined);
  const emptyText = isFiltered ? 'No events match the filters.' : 'No events.';
  const events = await readEvents(client, options, hostId);
  if (output === 'table') {
    const entries = mergeReplacements(events.reverse()).reverse();
    writeList(terminal, output, ENTRY_COLUMNS, entries, emptyText);
  } else writeList(terminal, output, COLUMNS, events, emptyText);
}

/**
 * Prints past events and then new events. Opens the stream before it reads the past events, so that no event in between
 * is missed.
 */
async function follow(
  terminal: Terminal,
  { client, toCommandError }: Api,
  options: Options,
  hostId: string[] | undefined,
): Promise<void> {
  const { hostLabel, name, kind, exitReason, output } = options;
  const labeledHosts = followLabeledHosts(client, hostLabel);
  let printedIds: ReadonlySet<string> | null = null;
  const write = createListWriter(terminal, output, COLUMNS);
  const warnOfDelay = createDelayWarnings(terminal);
  const reportOutage = createOutageReport(terminal, toCommandError);
  const onState = (state: ConnectionState) => {
    warnOfDelay.onState(state);
    reportOutage(state);
  };
  for await (const message of client.stream({
    query: { hostId, name, kind, exitReason },
    signal: terminal.interrupted,
    onState,
  })) {
    if (message.event === 'unauthorized') throw keyInvalidError();
    warnOfDelay.onMessage(message);
    if (printedIds === null) {
      const pastEvents = await readEvents(client, options, hostId);
      printedIds = new Set(pastEvents.map(({ id }) => id));
      write(pastEvents);
    }
    labeledHosts.update(message);
    if (message.event !== 'container' || printedIds.has(message.data.id)) continue;
    if (!isOfWorkload(message.data, options)) continue;
    if (await labeledHosts.has(message.data.hostId)) write([message.data]);
  }
}

/** Returns whether the filters by project and service match an event. The stream has no such filters. */
const isOfWorkload = ({ workload }: ContainerEvent, { project, service }: Options): boolean =>
  (project === undefined || project.some((one) => one === workload?.project)) &&
  (service === undefined || service.some((one) => one === workload?.service));

/** Warns on standard error when events are missing or delayed. Reports a delay once per connection. */
function createDelayWarnings(terminal: Terminal) {
  let isLagging = false;
  return {
    onState: ({ state }: ConnectionState): void => {
      if (state === 'open') isLagging = false;
    },
    onMessage: (message: StreamMessage): void => {
      if (message.event === 'reset') {
        terminal.err('muster: some events are missing: the server could not resend all of them\n');
      } else if (message.event === 'lagging' && !isLagging) {
        isLagging = true;
        const since = toTerminalText(message.data.since);
        terminal.err(`muster: the server has been delaying events since ${since}\n`);
      } else if (message.event === 'caught-up' && isLagging) {
        isLagging = false;
        terminal.err('muster: the server has caught up: events are no longer delayed\n');
      }
    },
  };
}

const COLUMNS: Column<ContainerEvent>[] = [
  {
    title: 'TIME',
    text: ({ recordedAt }) => recordedAt.replace(/\.\d+Z$/, 'Z'),
    raw: ({ recordedAt }) => recordedAt,
    wide: ({ recordedAt }) => recordedAt,
    widthMin: Infinity,
  },
  { title: 'HOST', text: ({ hostName }) => hostName },
  { title: 'NAME', text: ({ name }) => name, widthMin: 14 },
  { title: 'KIND', text: ({ kind }) => kind, style: (event) => styleOf(event), widthMin: 10 },
  {
    title: 'WHAT',
    text: (event) => summarizeChange(event),
    raw: (event) => describeChange(event),
    wide: (event) => describeChange(event),
    widthMin: 16,
  },
];

/** The columns of a table in which each recreation of a container is one row. */
const ENTRY_COLUMNS: Column<HistoryEntry>[] = COLUMNS.map(({ title, text, style, widthMin }) => ({
  title,
  text: ({ event, replacement }) => (replacement && REPLACEMENT_TEXTS[title]?.(replacement)) ?? text(event),
  style: ({ event }) => style?.(event) ?? null,
  ...(widthMin === undefined ? {} : { widthMin }),
}));

/** The texts in a recreation's row, by the title of their column. */
const REPLACEMENT_TEXTS: Partial<Record<string, (replacement: Replacement) => string>> = {
  KIND: () => 'replaced',
  WHAT: ({ imageBefore, imageAfter }) =>
    imageBefore === imageAfter ? `image ${imageAfter ?? '-'}` : `image ${imageBefore ?? '-'} -> ${imageAfter ?? '-'}`,
};

const styleOf = ({ kind, to, exitCode, exitReason }: ContainerEvent): Style | null => {
  const isExit = kind === 'exited' || kind === 'looping';
  if ((isExit && isErrorExit({ reason: exitReason, code: exitCode })) || to === 'unhealthy') return 'red';
  if (kind === 'started' || kind === 'created' || kind === 'reappeared' || to === 'healthy') return 'green';
  return kind === 'removed' ? 'gray' : null;
};

/** The kinds of events for which a table does not show the value before the change. */
const KINDS_WITHOUT_BEFORE: readonly EventKind[] = [
  'created',
  'started',
  'exited',
  'restarted',
  'paused',
  'unpaused',
  'health_changed',
  'reappeared',
];

/** Describes a change in a few words, next to the kind of the event. */
function summarizeChange(event: ContainerEvent): string {
  const { kind, from, to, exitCode, exitReason } = event;
  if (event.exits) return describeLoop(event.exits);
  if (kind === 'exited' && typeof to === 'string' && exitReason) {
    const words = describeExit({ reason: exitReason, code: exitCode });
    return to === 'exited' ? words : `${words}, ${to}`;
  }
  if (kind === 'exited' && typeof to === 'string' && exitCode !== null) {
    return `exit code ${exitCode}${to === 'exited' ? '' : `, ${to}`}`;
  }
  if (KINDS_WITHOUT_BEFORE.includes(kind)) return describeChange({ ...event, from: null }).replace(/^- -> /, '');
  if (kind === 'removed' && to === null && typeof from === 'string') return `was ${from}`;
  return describeChange(event);
}

function describeChange({ from, to, exitCode, exitReason, exits }: ContainerEvent): string {
  if (exits) return describeLoop(exits);
  const code = exitCode === null ? '' : `exit code ${exitCode}`;
  const words = exitReason ? describeExit({ reason: exitReason, code: exitCode }) : '';
  if (from === null && to === null) return words || code;
  const values = [from, to].map((value) =>
    value !== null && typeof value === 'object' ? JSON.stringify(value) : (value ?? '-'),
  );
  return [values.join(' -> '), words, code].filter(Boolean).join(', ');
}
