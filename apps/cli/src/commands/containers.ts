import type { Client, Input } from '@muster/client';
import {
  CONTAINER_SORT_KEYS,
  ContainerFreshness,
  ContainerProblemCode,
  displayImage,
  describeExit,
  DOCKER_STATES,
  Health,
  HOST_ONLY_SORT_KEYS,
  knownExit,
  portRange,
  toTerminalText,
  type ContainerView,
  type ExitReason,
} from '@muster/contracts';
import { Option, type Command } from 'commander';
import { withApi } from '../api.js';
import { CommandError, ExitCodes } from '../exit.js';
import { formatAge } from '../output/age.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { FRESHNESS_STYLES, formatState, healthStyle, stateStyle } from '../output/styles.js';
import type { Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import {
  exitReasonOption,
  parseCount,
  parseSort,
  parseText,
  takeFirst,
  resolveHostIds,
  hostOption,
  hostLabelOption,
  projectOption,
  serviceOption,
  collect,
  collectChoices,
} from './options.js';
import { watchChanges } from './watch.js';

interface Options {
  host?: string[];
  hostLabel?: string[];
  freshness?: ContainerFreshness[];
  state?: string[];
  health?: string[];
  problem?: ContainerProblemCode[];
  exitReason?: ExitReason[];
  image?: string[];
  imageDigest?: string[];
  label?: string[];
  project?: string[];
  service?: string[];
  search?: string;
  presence?: string;
  infra?: boolean;
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
    .addOption(hostLabelOption())
    .option(
      '--freshness <word>',
      `filter by freshness: ${ContainerFreshness.options.join(', ')} (repeatable)`,
      collectChoices(ContainerFreshness.options),
    )
    .option('--state <state>', `filter by state: ${DOCKER_STATES.join(', ')} (repeatable)`, collectStates)
    .option(
      '--health <health>',
      `filter by health: ${Health.options.join(', ')} (repeatable)`,
      collectChoices(Health.options),
    )
    .option(
      '--problem <code>',
      `filter by problem: ${ContainerProblemCode.options.join(', ')} (repeatable)`,
      collectChoices(ContainerProblemCode.options),
    )
    .addOption(exitReasonOption())
    .option('--image <reference>', 'filter by image reference (repeatable)', collect)
    .option(
      '--image-digest <digest>',
      'filter by digest, or by image id for containers without a digest (repeatable)',
      collect,
    )
    .option('-l, --label <key[=value]>', 'filter by label (repeatable; all must match)', collect)
    .addOption(projectOption())
    .addOption(serviceOption())
    .option('-q, --search <text>', 'search text', parseText)
    .addOption(
      new Option('--presence <which>', 'present containers (default), removed ones, or both').choices(PRESENCE),
    )
    .option('--infra', 'include the infra containers of pods')
    .option(
      '--sort <key>',
      `sort key: ${FLEET_SORT_KEYS}, or with --host also ${HOST_SORT_KEYS}; prefix - for descending`,
      parseSort(CONTAINER_SORT_KEYS),
    )
    .option('--limit <number>', 'maximum number of containers', parseCount)
    .addOption(formatOption())
    .option('-w, --watch', 'refresh the list on every change, until interrupted')
    .action((options: Options) => {
      checkOptions(terminal, options);
      return withApi(terminal, async (client, api) => {
        const hostId = await resolveHostIds(client, options.host);
        const emptyText = isFiltered(options) ? 'No containers match the filters.' : 'No containers.';
        const showContainers = async () => {
          const containers = await readContainers(client, options, hostId);
          if (options.watch && terminal.screen !== null) terminal.out(CLEAR_SCREEN);
          writeList(terminal, options.output, columnsAt(new Date()), containers, emptyText);
        };
        await (options.watch ? watchChanges(terminal, api, hostId, showContainers) : showContainers());
      });
    });
}

/** Parses a state. Engines and the API write states in lower case. */
const collectStates = (value: string, previous?: string[]): string[] => collect(value.toLowerCase(), previous);

/** The states that only Podman has. */
const PODMAN_STATES = ['configured', 'initialized', 'stopped', 'stopping'];

/**
 * Checks options that depend on each other. Warns if no engine has a requested state, because the list would be empty
 * without an explanation.
 */
function checkOptions(terminal: Terminal, { host, state, sort }: Options): void {
  const key = sort?.replace(/^-/, '');
  if (host === undefined && HOST_ONLY_SORT_KEYS.some((each) => each === key)) {
    throw new CommandError(`--sort ${key} also needs --host`, ExitCodes.usage);
  }
  const knownStates: readonly string[] = [...DOCKER_STATES, ...PODMAN_STATES];
  for (const unknown of (state ?? []).filter((each) => !knownStates.includes(each))) {
    const states = DOCKER_STATES.join(', ');
    terminal.err(`muster: warning: unknown --state ${toTerminalText(unknown)}: Docker's states are ${states}\n`);
  }
}

/** The options that do not filter the list. */
const PRESENTATION_OPTIONS: readonly string[] = ['output', 'sort', 'limit', 'watch'] satisfies (keyof Options)[];

const isFiltered = (options: Options): boolean =>
  Object.keys(options).some((option) => !PRESENTATION_OPTIONS.includes(option));

const FLEET_SORT_KEYS = CONTAINER_SORT_KEYS.filter((key) => !HOST_ONLY_SORT_KEYS.includes(key)).join(', ');
const HOST_SORT_KEYS = HOST_ONLY_SORT_KEYS.join(', ');
const PRESENCE = ['present', 'removed', 'all'];
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

function readContainers(client: Client, options: Options, hostId: string[] | undefined): Promise<ContainerView[]> {
  const {
    freshness: hostFreshness,
    hostLabel,
    state,
    health,
    problem,
    exitReason,
    image,
    imageDigest,
    label,
    project,
    service,
    search: q,
    presence,
    infra,
    sort,
    limit = Infinity,
  } = options;
  const filters: Input<'listContainers'>['query'] = {
    hostId,
    hostFreshness,
    hostLabel,
    state,
    health,
    problem,
    exitReason,
    image,
    imageDigest,
    label,
    project,
    service,
    q,
    presence,
    infra,
    sort,
  };
  return takeFirst(client.items('listContainers', { query: { ...filters, limit: Math.min(limit, 200) } }), limit);
}

const isWideOnly = true;

const columnsAt = (now: Date): Column<ContainerView>[] => [
  {
    title: 'NAME',
    text: ({ name, isInfra }) => (isInfra ? `${name} (infra)` : name),
    raw: ({ name }) => name,
    widthMin: 18,
  },
  { title: 'HOST', text: ({ hostName }) => hostName, widthMin: 13 },
  { title: 'STATE', text: formatState, raw: ({ state }) => state, style: stateStyle, widthMin: Infinity },
  {
    title: 'HEALTH',
    text: ({ health }) => health ?? '-',
    raw: ({ health }) => health ?? '',
    style: healthStyle,
    widthMin: Infinity,
    omission: 4,
  },
  {
    title: 'STATUS',
    text: (container) => formatStatus(container, now),
    raw: ({ status }) => status,
    widthMin: 16,
    omission: 5,
  },
  {
    title: 'IMAGE',
    text: (container) => shortenDigest(displayImage(container)),
    raw: ({ image }) => image,
    wide: ({ image }) => image,
    // A long image is shortened at its start, because the registry is less important than the name and the tag.
    keep: 'end',
    widthMin: 22,
    omission: 3,
  },
  { title: 'PORTS', text: formatPorts, widthMin: 14, omission: 2 },
  {
    title: 'AS OF',
    text: ({ asOf, hostFreshness }) => formatAge(asOf, now) + (hostFreshness === 'online' ? '' : ` ${hostFreshness}`),
    raw: ({ asOf }) => asOf ?? '',
    style: ({ hostFreshness }) => FRESHNESS_STYLES[hostFreshness],
    widthMin: Infinity,
  },
  {
    title: 'ID',
    text: ({ dockerId }) => dockerId.slice(0, 12),
    raw: ({ dockerId }) => dockerId,
    wide: ({ dockerId }) => dockerId,
    widthMin: Infinity,
    omission: 1,
  },
  { title: 'EXIT REASON', text: ({ exit }) => exit?.reason ?? '-', raw: ({ exit }) => exit?.reason ?? '', isWideOnly },
  {
    title: 'RESTARTS',
    text: ({ restartCount }) => String(restartCount ?? '-'),
    raw: ({ restartCount }) => String(restartCount ?? ''),
    isWideOnly,
  },
];

/** Describes how and when a container's process exited. If no exit was reported, returns the engine's status text. */
function formatStatus(container: ContainerView, now: Date): string {
  const { exit, status } = container;
  if (!exit) return status;
  const words = describeExit(knownExit(container));
  return exit.finishedAt === null ? words : `${words}, ${formatAge(exit.finishedAt, now)} ago`;
}

/** Shortens a SHA-256 digest to its first 12 digits, as engines do. */
const shortenDigest = (image: string): string => image.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, '$1');

/** Formats the published ports. Omits the address if a port is bound to all addresses. */
const formatPorts = ({ ports }: ContainerView): string =>
  ports
    .filter(({ publicPort }) => publicPort !== undefined)
    .map(({ ip = '', publicPort, privatePort, type, count }) => {
      const address = ['', '0.0.0.0', '::'].includes(ip) ? '' : `${ip.includes(':') ? `[${ip}]` : ip}:`;
      return `${address}${portRange(publicPort!, count)}->${portRange(privatePort, count)}/${type}`;
    })
    .join(' ');
