import type { Client, Input } from '@muster/client';
import {
  CONTAINER_SORT_KEYS,
  ContainerFreshness,
  ContainerProblemCode,
  HOST_ONLY_SORT_KEYS,
  portRange,
  type ContainerView,
} from '@muster/contracts';
import { Option, type Command } from 'commander';
import { withApi } from '../api.js';
import { formatAge } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { FRESHNESS_STYLES, stateStyle } from '../output/styles.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { parseCount, takeFirst, resolveHostIds, hostOption, collect, collectChoices } from './options.js';
import { watchChanges } from './watch.js';

interface Options {
  host?: string[];
  freshness?: ContainerFreshness[];
  state?: string[];
  health?: string[];
  problem?: ContainerProblemCode[];
  image?: string[];
  label?: string[];
  search?: string;
  presence?: string;
  sort?: string;
  limit?: number;
  output: Format;
  watch?: boolean;
}

/** Adds the command `muster containers`. */
export function addContainersCommand(program: Command, terminal: Terminal): void {
  program
    .command('containers')
    .alias('ps')
    .summary('list containers of all hosts')
    .addOption(hostOption())
    .option(
      '--freshness <word>',
      `filter by freshness: ${ContainerFreshness.options.join(', ')} (repeatable)`,
      collectChoices(ContainerFreshness.options),
    )
    .option('--state <state>', 'filter by state (repeatable)', collect)
    .option('--health <health>', 'filter by health (repeatable)', collect)
    .option(
      '--problem <code>',
      `filter by problem: ${ContainerProblemCode.options.join(', ')} (repeatable)`,
      collectChoices(ContainerProblemCode.options),
    )
    .option('--image <reference>', 'filter by image reference (repeatable)', collect)
    .option('-l, --label <key[=value]>', 'filter by label (repeatable; all must match)', collect)
    .option('-q, --search <text>', 'search text')
    .addOption(
      new Option('--presence <which>', 'present containers (default), removed ones, or both').choices(PRESENCE),
    )
    .option(
      '--sort <key>',
      `sort key: ${FLEET_SORT_KEYS}, or with --host also ${HOST_SORT_KEYS}; prefix - for descending`,
    )
    .option('--limit <number>', 'maximum number of containers', parseCount)
    .addOption(formatOption())
    .option('-w, --watch', 'refresh the list on every change, until interrupted')
    .action((options: Options) =>
      withApi(terminal, async (client) => {
        const hostId = await resolveHostIds(client, options.host);
        const showContainers = async () => {
          const containers = await readContainers(client, options, hostId);
          if (options.watch && terminal.screen !== null) terminal.out(CLEAR_SCREEN);
          writeList(terminal, options.output, columnsAt(new Date()), containers);
        };
        await (options.watch ? watchChanges(terminal, client, hostId, showContainers) : showContainers());
      }),
    );
}

const FLEET_SORT_KEYS = CONTAINER_SORT_KEYS.filter((key) => !HOST_ONLY_SORT_KEYS.includes(key)).join(', ');
const HOST_SORT_KEYS = HOST_ONLY_SORT_KEYS.join(', ');
const PRESENCE = ['present', 'removed', 'all'];
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

function readContainers(client: Client, options: Options, hostId: string[] | undefined): Promise<ContainerView[]> {
  const {
    freshness: hostFreshness,
    state,
    health,
    problem,
    image,
    label,
    search: q,
    presence,
    sort,
    limit = Infinity,
  } = options;
  const filters: Input<'listContainers'>['query'] = {
    hostId,
    hostFreshness,
    state,
    health,
    problem,
    image,
    label,
    q,
    presence,
    sort,
  };
  return takeFirst(client.items('listContainers', { query: { ...filters, limit: Math.min(limit, 200) } }), limit);
}

const columnsAt = (now: Date): Column<ContainerView>[] => [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'HOST', text: ({ hostName }) => hostName },
  { title: 'STATE', text: ({ state }) => state, style: ({ state, health }) => stateStyle(state, health) },
  {
    title: 'HEALTH',
    text: ({ health }) => health ?? '-',
    raw: ({ health }) => health ?? '',
    style: ({ health }) => (health === 'unhealthy' ? 'red' : null),
  },
  { title: 'STATUS', text: ({ status }) => status },
  { title: 'IMAGE', text: ({ image }) => image },
  { title: 'PORTS', text: formatPorts },
  {
    title: 'AS OF',
    text: ({ asOf, hostFreshness }) => formatAge(asOf, now) + (hostFreshness === 'online' ? '' : ` ${hostFreshness}`),
    raw: ({ asOf }) => asOf ?? '',
    style: ({ hostFreshness }) => FRESHNESS_STYLES[hostFreshness],
  },
  { title: 'ID', text: ({ dockerId }) => dockerId.slice(0, 12), raw: ({ dockerId }) => dockerId },
];

/** Formats the published ports. Omits the address if a port is bound to all addresses. */
const formatPorts = ({ ports }: ContainerView): string =>
  ports
    .filter(({ publicPort }) => publicPort !== undefined)
    .map(({ ip = '', publicPort, privatePort, type, count }) => {
      const address = ['', '0.0.0.0', '::'].includes(ip) ? '' : `${ip.includes(':') ? `[${ip}]` : ip}:`;
      return `${address}${portRange(publicPort!, count)}->${portRange(privatePort, count)}/${type}`;
    })
    .join(' ');
