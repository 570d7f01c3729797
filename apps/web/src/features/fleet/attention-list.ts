import type { ContainerEvent, ContainerView, Host, HostProblemCode } from '@muster/contracts';
import { isCurrent, type StatusIcon } from '../../lib/container-status';
import { groupBy } from '../../lib/group-by';
import { SEVERE_PROBLEMS } from '../../lib/format-problem';

/** A host or container that needs attention. */
export interface Concern {
  /** A unique key, which stays the same for as long as the concern exists. */
  key: string;
  icon: StatusIcon;
  name: string;
  /** A short description of the problem. */
  problem: string;
  /** When the problem started or the host last reported; null if unknown. */
  at: string | null;
  hostId: string;
  hostName: string;
  /** The container that needs attention; null if the host itself needs attention. */
  dockerId: string | null;
}

/** Minimum number of crashes of one container in the given events that count as a crash loop. */
const CRASH_LOOP_COUNT_MIN = 3;

/**
 * Returns the hosts and containers that need attention, most severe first: hosts that are not reporting or have a
 * severe problem, crash loops, unhealthy containers, and containers that exited with an error. Each container appears
 * once, with its worst problem.
 */
export function findConcerns(fleet: {
  hosts: readonly Host[];
  /** Present containers to check. Healthy containers are ignored. */
  containers: readonly ContainerView[];
  /** The events of the last hour, newest first. */
  events: readonly ContainerEvent[];
}): Concern[] {
  const crashes = crashesByName(fleet.events);
  const currentHosts = new Set(fleet.hosts.filter((host) => isCurrent(host.freshness)).map(({ id }) => id));
  const rankedConcerns = [
    ...fleet.hosts.flatMap((host) => hostConcern(host) ?? []),
    ...fleet.containers.flatMap((container) => containerConcern(container, crashes) ?? []),
    ...[...crashes.values()].flatMap((crashesOfName) => crashLoopConcern(crashesOfName, currentHosts) ?? []),
  ];
  // If several concerns have the same key, the first one is used. Concerns about the current state come first, because
  // past events describe the container less well.
  const concernsByKey = new Map(rankedConcerns.reverse().map((ranked) => [ranked.concern.key, ranked]));
  return [...concernsByKey.values()]
    .sort((a, b) => a.rank - b.rank || (b.concern.at ?? '').localeCompare(a.concern.at ?? ''))
    .map(({ concern }) => concern);
}

interface RankedConcern {
  rank: number;
  concern: Concern;
}

function hostConcern(host: Host): RankedConcern | null {
  const base = { hostId: host.id, hostName: host.name, dockerId: null, name: host.name };
  const at = host.confirmedAt ?? host.lastSeenAt;
  const problem = host.problems.find(({ code }) => code !== 'engine_unreachable' && SEVERE_PROBLEMS[code]);
  // The problems of an offline host are outdated, so the host is listed as offline instead.
  if (problem !== undefined && host.freshness !== 'offline') {
    const problemText = PROBLEM_TEXTS[problem.code] ?? problem.message;
    return {
      rank: 0,
      concern: {
        ...base,
        key: `${problem.code} ${host.id}`,
        icon: 'unhealthy',
        problem: problemText,
        at: problem.since,
      },
    };
  }
  switch (host.freshness) {
    case 'offline':
      return { rank: 0, concern: { ...base, key: `host ${host.id}`, icon: 'dead', problem: 'Offline', at } };
    case 'engine_down': {
      const problemText = host.engineError ?? 'Container engine not responding';
      return { rank: 0, concern: { ...base, key: `host ${host.id}`, icon: 'unhealthy', problem: problemText, at } };
    }
    case 'stale':
      return {
        rank: 3,
        concern: { ...base, key: `host ${host.id}`, icon: 'starting', problem: 'Stale', at },
      };
    case 'online':
    case 'never':
    case 'left':
      return null;
  }
}

/** Short texts for the problems whose messages are too long for a list. */
const PROBLEM_TEXTS: Partial<Record<HostProblemCode, string>> = {
  clone_suspected: 'Two machines report as this host (cloned VM?)',
  list_refused: 'Container engine refuses to list containers',
  snapshot_refused: 'Muster refuses this host’s snapshots',
  too_many_containers: 'Too many containers for one snapshot',
};

function containerConcern(
  container: ContainerView,
  crashes: ReadonlyMap<string, ContainerEvent[]>,
): RankedConcern | null {
  // If a host is not reporting, the host is the concern, not the last known states of its containers.
  if (!isCurrent(container.hostFreshness) || container.removedAt !== null) return null;
  const { hostId, hostName, dockerId, name, state, health, exitCode, changedAt } = container;
  const base = { key: `container ${crashKey(container)}`, name, at: changedAt, hostId, hostName, dockerId };
  const crashCount = crashes.get(crashKey(container))?.length ?? 0;
  if (state === 'restarting' || (crashCount >= CRASH_LOOP_COUNT_MIN && state === 'exited' && exitCode !== 0)) {
    return { rank: 1, concern: { ...base, icon: 'restarting', problem: formatCrashLoop(exitCode, crashCount) } };
  }
  if (state === 'running' && health === 'unhealthy') {
    return { rank: 1, concern: { ...base, icon: 'unhealthy', problem: 'Health check failing' } };
  }
  if (state === 'dead') return { rank: 2, concern: { ...base, icon: 'dead', problem: 'Dead: removal failed' } };
  if (state === 'exited' && exitCode !== null && exitCode !== 0) {
    return { rank: 2, concern: { ...base, icon: 'crashed', problem: formatExit(exitCode) } };
  }
  return null;
}

/** Describes an exit code. According to the shell's convention, codes above 128 are 128 plus the number of a signal. */
function formatExit(exitCode: number): string {
  if (exitCode === 137) return 'Killed (137), possibly out of memory';
  if (exitCode === 143) return 'Stopped (SIGTERM, 143)';
  if (exitCode === 139) return 'Crashed (segmentation fault, 139)';
  return `Crashed (${exitCode})`;
}

/** The key is the name instead of the ID, because a container in a crash loop may get a new ID after each crash. */
const crashKey = ({ hostId, name }: { hostId: string; name: string }): string => `${hostId} ${name}`;

const isCrash = ({ kind, exitCode }: ContainerEvent): boolean =>
  (kind === 'exited' || kind === 'restarted') && exitCode !== null && exitCode !== 0;

const crashesByName = (events: readonly ContainerEvent[]): Map<string, ContainerEvent[]> =>
  groupBy(events.filter(isCrash), crashKey);

const formatCrashLoop = (exitCode: number | null, crashCount: number): string => {
  if (crashCount < CRASH_LOOP_COUNT_MIN) return exitCode === null ? 'Restarting' : `Restarting (${exitCode})`;
  return `Crash loop: ${crashCount} exits in 1 h${exitCode === null ? '' : `, last code ${exitCode}`}`;
};

/** Finds a crash loop from events alone, because the container may be running between two crashes. */
function crashLoopConcern(crashes: readonly ContainerEvent[], currentHosts: ReadonlySet<string>): RankedConcern | null {
  const lastCrash = crashes[0];
  if (lastCrash === undefined || crashes.length < CRASH_LOOP_COUNT_MIN || !currentHosts.has(lastCrash.hostId))
    return null;
  const { hostId, hostName, dockerId, name, exitCode, recordedAt } = lastCrash;
  const problem = formatCrashLoop(exitCode, crashes.length);
  const key = `container ${crashKey(lastCrash)}`;
  return {
    rank: 1,
    concern: { key, icon: 'restarting', name, problem, at: recordedAt, hostId, hostName, dockerId },
  };
}
