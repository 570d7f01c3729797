import type {
  Attention,
  ContainerAttention,
  ContainerAttentionFilter,
  ContainerProblemCode,
  HostAttention,
  HostAttentionFilter,
  HostAttentionKind,
} from '@muster/contracts';
import { describeExit, knownExit } from '@muster/contracts/describe-exit';
import type { StatusIcon } from '../../lib/container-status';
import { formatCount, formatNumber } from '../../lib/format-count';
import { workloadSearch, type WorkloadSearch } from '../workload/search';

type LatestContainer = ContainerAttention['groups'][number]['latest'][number];

/** The page that a row leads to: one item, or the list of exactly the items that the row counts. */
export type AttentionTarget =
  | { kind: 'host'; hostId: string }
  | { kind: 'hosts'; filter: HostAttentionFilter }
  | { kind: 'container'; hostId: string; dockerId: string }
  | { kind: 'containers'; filter: ContainerAttentionFilter }
  | { kind: 'workload'; search: WorkloadSearch };

/** A row of the list of problems: one host or container, or several with the same problem. */
export interface AttentionRow {
  key: string;
  icon: StatusIcon;
  /** The name of an item or image, or a number of hosts. Names come from outside Muster. */
  name: string;
  problem: string;
  /** The container's host, or some of the hosts. Their names come from outside Muster. */
  names: readonly { id: string; name: string }[];
  /** The text after the names, such as the number of other hosts. */
  note: string;
  /** The times at which hosts got the problem, newest first, each with a number of hosts. */
  times: readonly { total: number; since: string }[];
  target: AttentionTarget;
}

const HOST_PROBLEMS: Readonly<Record<HostAttentionKind, { icon: StatusIcon; problem: string }>> = {
  engine_down: { icon: 'unhealthy', problem: 'Container engine not responding' },
  offline: { icon: 'dead', problem: 'Offline' },
  clone_suspected: { icon: 'unhealthy', problem: 'Possible clone: two machines report as one host' },
  list_refused: { icon: 'unhealthy', problem: 'Container engine refuses to list containers' },
  too_many_containers: { icon: 'unhealthy', problem: 'Too many containers for one snapshot' },
  snapshot_refused: { icon: 'unhealthy', problem: 'Muster refuses the snapshots' },
  stale: { icon: 'starting', problem: 'Stale' },
  truncated: { icon: 'starting', problem: 'Some fields are shortened' },
  clock_skew: { icon: 'starting', problem: 'The clock is wrong' },
};

const CONTAINER_PROBLEMS: Readonly<Record<ContainerProblemCode, { icon: StatusIcon; problem: string }>> = {
  crash_loop: { icon: 'restarting', problem: 'Crash loop' },
  unhealthy: { icon: 'unhealthy', problem: 'Health check failing' },
  dead: { icon: 'dead', problem: 'Dead: removal failed' },
  failed: { icon: 'crashed', problem: 'Failed' },
};

/**
 * Maximum number of images that are shown for one problem. Below them, a row links to a list that includes all others.
 */
const IMAGES_SHOWN_MAX = 5;

/** Maximum number of names that a row with several hosts or containers shows. */
const NAMES_SHOWN_MAX = 3;

/** Returns the rows of the hosts, in the API's order. */
export const hostRows = ({ hosts }: Attention): AttentionRow[] => hosts.problems.map(hostRow);

function hostRow({ kind, total, filter, times, latest }: HostAttention): AttentionRow {
  const [host] = latest;
  const base = { key: kind, ...HOST_PROBLEMS[kind] };
  if (total === 1 && host !== undefined) {
    const target = { kind: 'host', hostId: host.id } as const;
    return { ...base, name: host.name, names: [], note: '', times: [{ total, since: host.since }], target };
  }
  return {
    ...base,
    name: formatCount(total, 'host'),
    ...formatNames(latest, total),
    times,
    target: { kind: 'hosts', filter },
  };
}

/** Returns the rows of the containers, in the API's order, with one row per problem and image. */
export const containerRows = ({ containers }: Attention): AttentionRow[] =>
  containers.problems.flatMap(rowsOfContainerProblem);

function rowsOfContainerProblem({
  kind,
  total,
  totalIsExact,
  filter,
  groups,
  isComplete,
}: ContainerAttention): AttentionRow[] {
  const { icon, problem } = CONTAINER_PROBLEMS[kind];
  const rows = groups.slice(0, IMAGES_SHOWN_MAX).map((group): AttentionRow => {
    const { image, latest } = group;
    const base = { key: `${kind} ${image}`, icon };
    const [container] = latest;
    if (group.total === 1 && isComplete && container !== undefined) {
      const { hostId, hostName, name, since } = container;
      return {
        ...base,
        name,
        problem: describeProblem(kind, container),
        names: [{ id: hostId, name: hostName }],
        note: '',
        times: [{ total: 1, since }],
        target: targetOf(kind, container),
      };
    }
    return {
      ...base,
      name: image,
      problem,
      names: [],
      note: `${formatAtLeast(group.total, isComplete, 'container')} on ${formatAtLeast(group.hosts, isComplete, 'host')}`,
      times: [{ total: group.total, since: group.since }],
      target: { kind: 'containers', filter: group.filter },
    };
  });
  if (rows.length > 0 && groups.length <= IMAGES_SHOWN_MAX && isComplete) return rows;
  return [
    ...rows,
    {
      key: kind,
      icon,
      name: `All ${formatAtLeast(total, totalIsExact, 'container')}`,
      problem,
      names: [],
      note: '',
      times: [],
      target: { kind: 'containers', filter },
    },
  ];
}

/** Formats a count, with a plus sign if there may be more. */
const formatAtLeast = (count: number, isExact: boolean, noun: string): string =>
  isExact ? formatCount(count, noun) : `${formatNumber(count)}+ ${noun}s`;

/** Returns the names of the first hosts, and a note with the number of remaining hosts. */
function formatNames(hosts: AttentionRow['names'], total: number): Pick<AttentionRow, 'names' | 'note'> {
  const names = hosts.slice(0, NAMES_SHOWN_MAX).map(({ id, name }) => ({ id, name }));
  const others = total - names.length;
  return { names, note: others > 0 ? `and ${formatCount(others, 'other')}` : '' };
}

/** A crash loop can span several containers that replace each other, so its row leads to the workload. */
function targetOf(kind: ContainerProblemCode, { hostId, dockerId, workload }: LatestContainer): AttentionTarget {
  const search = kind === 'crash_loop' ? workloadSearch(hostId, workload) : null;
  return search === null ? { kind: 'container', hostId, dockerId } : { kind: 'workload', search };
}

/** Describes a crash loop: `Crash loop: 4 exits in 1 h, last code 1`. */
function describeCrashLoop({ exit, exitCode, exits }: LatestContainer): string {
  const loop = exits === null ? 'Crash loop' : `Crash loop: ${formatNumber(exits)} exits in 1 h`;
  if (exit?.reason === 'oom' || exit?.reason === 'failed_to_start') {
    return `${loop}, last exit: ${describeExit(knownExit({ exit, exitCode }))}`;
  }
  return exitCode === null ? loop : `${loop}, last code ${exitCode}`;
}

/**
 * Describes a container's problem with the reason of its exit. An older agent reports only the exit code. By
 * convention, a code above 128 is 128 plus the number of a signal.
 */
function describeProblem(kind: ContainerProblemCode, container: LatestContainer): string {
  const { problem } = CONTAINER_PROBLEMS[kind];
  const { exit, exitCode } = container;
  if (kind !== 'failed' && kind !== 'crash_loop') return problem;
  if (kind === 'crash_loop') return describeCrashLoop(container);
  if (exit === null && exitCode === 137) return 'Killed (137), possibly out of memory';
  if (exitCode === 139 && exit?.reason !== 'oom') return 'Crashed (segmentation fault, 139)';
  if (exit === null && exitCode === null) return problem;
  const words = describeExit(knownExit(container));
  return `${words[0]!.toUpperCase()}${words.slice(1)}`;
}
