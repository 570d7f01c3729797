import {
  Freshness,
  HOST_LABEL_CHANGES_MAX,
  HOST_SORT_KEYS,
  HostProblemCode,
  parseHostLabels,
  toTerminalText,
  type Host,
  type HostLabels,
} from '@muster/contracts';
import { ProblemError, type Client } from '@muster/client';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { CommandError, ExitCodes } from '../exit.js';
import { formatAge } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { addHostGroupsCommand } from './host-groups.js';
import { FRESHNESS_STYLES } from '../output/styles.js';
import type { Column } from '../output/table.js';
import { wrap } from '../output/wrap.js';
import { FACT_COLUMNS, nameOf } from './host-facts.js';
import type { Terminal } from '../terminal.js';
import { addHostAvailabilityCommand } from './host-availability.js';
import { addHostEventsCommand } from './host-events.js';
import {
  collect,
  collectChoices,
  findHostIds,
  formatLabels,
  hostLabelOption,
  parseCount,
  parseSort,
  parseText,
  resolveUniqueHostIds,
  takeFirst,
} from './options.js';

interface Options {
  freshness?: Freshness[];
  problem?: HostProblemCode[];
  hostLabel?: string[];
  search?: string;
  sort?: string;
  limit?: number;
  label?: string[];
  output: Format;
}

/** Returns the columns. `outdatedVersions` are the agent versions that are older than the server's release. */
const columnsAt = (now: Date, outdatedVersions: ReadonlySet<string>): Column<Host>[] => [
  { title: 'NAME', text: nameOf, raw: ({ name }) => name, widthMin: 24 },
  {
    title: 'FRESHNESS',
    text: ({ freshness }) => freshness,
    style: ({ freshness }) => FRESHNESS_STYLES[freshness],
    widthMin: Infinity,
  },
  {
    title: 'SEEN',
    widthMin: Infinity,
    text: ({ lastSeenAt }) => formatAge(lastSeenAt, now),
    raw: ({ lastSeenAt }) => lastSeenAt ?? '',
  },
  {
    title: 'PROBLEMS',
    widthMin: 19,
    text: ({ problems }) => problems.map(({ code }) => code).join(',') || '-',
    raw: ({ problems }) => problems.map(({ code, since, message }) => `${code} since ${since}: ${message}`).join('; '),
    style: ({ problems }) => (problems.length > 0 ? 'red' : null),
  },
  { title: 'CONTAINERS', text: ({ containerCount }) => String(containerCount), widthMin: Infinity },
  { title: 'ENGINE', text: ({ engine }) => `${engine.name} ${engine.version}`, widthMin: 14, omission: 4 },
  { title: 'OS', text: ({ os }) => os, widthMin: 14, omission: 2 },
  {
    title: 'AGENT',
    text: ({ agentVersion }) => agentVersion,
    wide: ({ agentVersion }) => (outdatedVersions.has(agentVersion) ? `${agentVersion} (outdated)` : agentVersion),
    omission: 3,
  },
  { title: 'ID', text: ({ id }) => id, widthMin: Infinity, omission: 1 },
  ...FACT_COLUMNS,
  {
    title: 'LABELS',
    isWideOnly: true,
    isInCsv: true,
    text: ({ labels }) => formatLabels(labels) || '-',
    raw: ({ labels }) => formatLabels(labels),
  },
  {
    title: 'REASONS',
    isWideOnly: true,
    text: (host) => reasonsOf(host, now).join('; ') || '-',
  },
];

/** Returns the column with the value of one label. A server before version 0.5 does not send labels. */
function labelColumn(key: string): Column<Host> {
  const valueOf = ({ labels }: { labels?: HostLabels }) => labels?.[key];
  return { title: key, text: (host) => valueOf(host) ?? '-', raw: (host) => valueOf(host) ?? '' };
}

/** Returns the agent versions that are older than the server's release. An older server does not report them. */
async function findOutdatedVersions(client: Client): Promise<ReadonlySet<string>> {
  try {
    const { agentVersions } = await client.call('getHostFacets');
    return new Set(agentVersions.values.filter(({ isOutdated }) => isOutdated).map(({ value }) => value));
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return new Set();
    throw error;
  }
}

/** Returns a sentence for each problem of a host. */
const reasonsOf = ({ problems }: Host, now: Date): string[] =>
  problems.map(({ code, since, message }) => `${code} for ${formatAge(since, now)}: ${message}`);

/** Maximum number of problems that are explained below the table. */
const REASONS_MAX = 10;

/** Explains each problem below the table, because the table contains only the problems' codes. */
function writeReasons(terminal: Terminal, hosts: readonly Host[], now: Date): void {
  const reasons = hosts.flatMap((host) => reasonsOf(host, now).map((reason) => `${host.name}: ${reason}`));
  const { screen } = terminal;
  if (screen === null || reasons.length === 0) return;
  terminal.out('\n');
  for (const reason of reasons.slice(0, REASONS_MAX)) terminal.out(`${wrap(toTerminalText(reason), screen.columns)}\n`);
  const more = reasons.length - REASONS_MAX;
  if (more > 0) terminal.out(`… and ${more} more: 'muster hosts -o wide' shows all reasons\n`);
}

/** Adds the command `muster hosts`. */
export function addHostsCommand(program: Command, terminal: Terminal): void {
  const command = program
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
    .addOption(hostLabelOption())
    .option('-q, --search <text>', 'search text', parseText)
    .option(
      '--sort <key>',
      `sort key: ${HOST_SORT_KEYS.join(', ')}; prefix - for descending`,
      parseSort(HOST_SORT_KEYS),
    )
    .option('--limit <number>', 'maximum number of hosts', parseCount)
    .option('-L, --label <key>', 'show the value of this label in a column (repeatable)', collect)
    .addOption(formatOption())
    .action(({ freshness, problem, hostLabel, search: q, sort, limit = Infinity, label = [], output }: Options) =>
      withApi(terminal, async (client) => {
        const query = { freshness, problem, hostLabel, q, sort, limit: Math.min(limit, 200) };
        const hosts = await takeFirst(client.items('listHosts', { query }), limit);
        const outdatedVersions =
          output === 'wide' && hosts.length > 0 ? await findOutdatedVersions(client) : new Set<string>();
        const now = new Date();
        const isFiltered = [freshness, problem, hostLabel, q].some((filter) => filter !== undefined);
        writeList(
          terminal,
          output,
          [...columnsAt(now, outdatedVersions), ...label.map(labelColumn)],
          hosts,
          isFiltered ? 'No hosts match the filters.' : 'No hosts.',
        );
        if (output === 'table') writeReasons(terminal, hosts, now);
      }),
    );
  addHostAvailabilityCommand(command, terminal);
  addHostLabelCommand(command, terminal);
  addHostGroupsCommand(command, terminal);
  addHostEventsCommand(command, terminal);
}

/** Adds the command `muster hosts label`, which changes the labels that operators have set. */
function addHostLabelCommand(hosts: Command, terminal: Terminal): void {
  hosts
    .command('label')
    .summary('set or remove labels of hosts')
    .description(
      'Sets the labels that are written as key=value, and removes those written as key-. Changes the hosts that --host ' +
        'names, or those with --host-label, or with both options the named hosts that have the label. Labels that an ' +
        'agent or an enrollment token sets can be replaced, but not removed.',
    )
    .argument('<change...>', 'key=value to set a label, key- to remove one')
    .option('--host <name or id>', 'host to change (repeatable)', collect)
    .option('--host-label <key[=value]>', 'change only hosts with this label (repeatable; all must match)', collect)
    .action((changes: string[], { host, hostLabel }: { host?: string[]; hostLabel?: string[] }) => {
      if (host === undefined && hostLabel === undefined) {
        throw new CommandError('select hosts with --host or --host-label', ExitCodes.usage);
      }
      const removed = changes.filter((change) => change.endsWith('-') && !change.includes('='));
      const remove = removed.map((change) => change.slice(0, -1));
      const parsed = parseHostLabels(changes.filter((change) => !removed.includes(change)).join());
      if ('problem' in parsed) throw new CommandError(parsed.problem, ExitCodes.usage);
      const set = parsed.labels;
      return withApi(terminal, async (client) => {
        const named = host && new Set(await resolveUniqueHostIds(client, host));
        const labeled = hostLabel && new Set(await findHostIds(client, hostLabel));
        const hostIds = [...(named ?? labeled ?? [])].filter((id) => labeled?.has(id) !== false);
        const counts = { changed: 0, unchanged: 0, notFound: 0 };
        for (let start = 0; start < hostIds.length; start += HOST_LABEL_CHANGES_MAX) {
          const body = { hostIds: hostIds.slice(start, start + HOST_LABEL_CHANGES_MAX), set, remove };
          const { changed, unchanged, notFound } = await client.call('changeHostLabels', { body });
          counts.changed += changed.length;
          counts.unchanged += unchanged.length;
          counts.notFound += notFound.length;
        }
        terminal.out(`${counts.changed} changed, ${counts.unchanged} unchanged, ${counts.notFound} not found\n`);
        if (counts.notFound > 0) throw new CommandError('some hosts were not found');
      });
    });
}
