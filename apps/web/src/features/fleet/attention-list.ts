import type { ContainerEvent, ContainerView, Host, HostProblemCode } from '@muster/contracts';
import { isCurrent, type Look } from '../../lib/container-status';
import { groupBy } from '../../lib/group-by';
import { IS_SEVERE } from '../../lib/format-problem';

/** Something that somebody should look at, the worst first. */
export interface Concern {
  /** The same for as long as it is the same trouble. */
  key: string;
  look: Look;
  what: string;
  /** What is wrong, in a few words. */
  trouble: string;
  /** When that was last seen to be so; null: it is so now. */
  at: string | null;
  hostId: string;
  hostName: string;
  /** Null where the host itself is the concern. */
  dockerId: string | null;
}

/** So many crashes of one container within the events that are looked at are a loop. */
const CRASHES_OF_A_LOOP = 3;

/**
 * What needs attention, of hosts, of containers that are in trouble now, and of what happened lately: hosts that are
 * gone, containers that crash again and again, unhealthy ones, and those that ended by themselves with an error. A
 * container is told of once, by the worst of its troubles.
 */
export function concerns(facts: {
  hosts: readonly Host[];
  /** Present containers that may be in trouble; the others among them are left out. */
  containers: readonly ContainerView[];
  /** Events of the time that is looked back on. */
  events: readonly ContainerEvent[];
}): Concern[] {
  const crashes = crashesByName(facts.events);
  const current = new Set(facts.hosts.filter((host) => isCurrent(host.freshness)).map(({ id }) => id));
  const all = [
    ...facts.hosts.flatMap((host) => hostConcern(host) ?? []),
    ...facts.containers.flatMap((container) => containerConcern(container, crashes) ?? []),
    ...[...crashes.values()].flatMap((ofName) => loopConcern(ofName, current) ?? []),
  ];
  // The first of a key is from what is there now, which says more than what happened.
  const unique = new Map(all.reverse().map((ranked) => [ranked.concern.key, ranked]));
  return [...unique.values()]
    .sort((a, b) => a.rank - b.rank || (b.concern.at ?? '').localeCompare(a.concern.at ?? ''))
    .map(({ concern }) => concern);
}

interface Ranked {
  rank: number;
  concern: Concern;
}

function hostConcern(host: Host): Ranked | null {
  const base = { hostId: host.id, hostName: host.name, dockerId: null, what: host.name };
  const at = host.confirmedAt ?? host.lastSeenAt;
  const problem = host.problems.find(({ code }) => code !== 'engine_unreachable' && IS_SEVERE[code]);
  // Of a host that is silent, the problems are as old as the rest of what it reported.
  if (problem !== undefined && host.freshness !== 'offline') {
    const trouble = PROBLEM_CONCERNS[problem.code] ?? problem.message;
    return {
      rank: 0,
      concern: { ...base, key: `${problem.code} ${host.id}`, look: 'unhealthy', trouble, at: problem.since },
    };
  }
  switch (host.freshness) {
    case 'offline':
      return { rank: 0, concern: { ...base, key: `host ${host.id}`, look: 'dead', trouble: 'host is silent', at } };
    case 'engine_down': {
      const trouble = host.engineError ?? 'its container engine does not answer';
      return { rank: 0, concern: { ...base, key: `host ${host.id}`, look: 'unhealthy', trouble, at } };
    }
    case 'stale':
      return {
        rank: 3,
        concern: { ...base, key: `host ${host.id}`, look: 'starting', trouble: 'missed heartbeats', at },
      };
    case 'online':
    case 'never':
    case 'left':
      return null;
  }
}

/** The problems whose own messages are too long for a list. */
const PROBLEM_CONCERNS: Partial<Record<HostProblemCode, string>> = {
  clone_suspected: 'two machines report as this host',
  list_refused: 'its engine refuses to list the containers',
  snapshot_refused: 'its snapshots are refused',
  too_many_containers: 'has more containers than a snapshot can hold',
};

function containerConcern(container: ContainerView, crashes: ReadonlyMap<string, ContainerEvent[]>): Ranked | null {
  // What a silent host last said is no news: the host itself is the concern.
  if (!isCurrent(container.hostFreshness) || container.removedAt !== null) return null;
  const { hostId, hostName, dockerId, name, state, health, exitCode, changedAt } = container;
  const base = { key: `container ${crashKey(container)}`, what: name, at: changedAt, hostId, hostName, dockerId };
  const crashed = crashes.get(crashKey(container))?.length ?? 0;
  if (state === 'restarting' || (crashed >= CRASHES_OF_A_LOOP && state === 'exited' && exitCode !== 0)) {
    return { rank: 1, concern: { ...base, look: 'restarting', trouble: loopWords(exitCode, crashed) } };
  }
  if (state === 'running' && health === 'unhealthy') {
    return { rank: 1, concern: { ...base, look: 'unhealthy', trouble: 'its health check fails' } };
  }
  if (state === 'dead') return { rank: 2, concern: { ...base, look: 'dead', trouble: 'dead: cannot be cleared away' } };
  if (state === 'exited' && exitCode !== null && exitCode !== 0) {
    return { rank: 2, concern: { ...base, look: 'crashed', trouble: exitWords(exitCode) } };
  }
  return null;
}

/** Exit codes that say more than a number: 128 and a signal, by the shell's convention. */
function exitWords(exitCode: number): string {
  if (exitCode === 137) return 'killed (exit code 137), often for want of memory';
  if (exitCode === 143) return 'ended by SIGTERM (exit code 143)';
  if (exitCode === 139) return 'crashed with a segmentation fault (exit code 139)';
  return `crashed with exit code ${exitCode}`;
}

/** By name, not by id: what is made anew after each crash is still one loop. */
const crashKey = ({ hostId, name }: { hostId: string; name: string }): string => `${hostId} ${name}`;

const isCrash = ({ kind, exitCode }: ContainerEvent): boolean =>
  (kind === 'exited' || kind === 'restarted') && exitCode !== null && exitCode !== 0;

const crashesByName = (events: readonly ContainerEvent[]): Map<string, ContainerEvent[]> =>
  groupBy(events.filter(isCrash), crashKey);

const loopWords = (exitCode: number | null, crashed: number): string => {
  const code = exitCode === null ? '' : ` with exit code ${exitCode}`;
  return `keeps crashing${code}${crashed > 1 ? `, ${crashed} times lately` : ''}`;
};

/** What runs at this moment may still be in a loop: it is down for seconds only. */
function loopConcern(crashes: readonly ContainerEvent[], currentHosts: ReadonlySet<string>): Ranked | null {
  const last = crashes[0];
  if (last === undefined || crashes.length < CRASHES_OF_A_LOOP || !currentHosts.has(last.hostId)) return null;
  const { hostId, hostName, dockerId, name, exitCode, recordedAt } = last;
  const trouble = loopWords(exitCode, crashes.length);
  const key = `container ${crashKey(last)}`;
  return {
    rank: 1,
    concern: { key, look: 'restarting', what: name, trouble, at: recordedAt, hostId, hostName, dockerId },
  };
}
