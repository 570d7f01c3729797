import type { ContainerEvent, ContainerView, Host } from '@muster/contracts';
import { isCurrent, type Look } from './look';

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
  const crashes = crashCounts(facts.events);
  const ofHosts = facts.hosts.flatMap((host) => hostConcern(host) ?? []);
  const ofContainers = facts.containers.flatMap((container) => containerConcern(container, crashes) ?? []);
  const unique = new Map([...ofHosts, ...ofContainers].map((concern) => [concern.concern.key, concern]));
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
  if (host.cloneSuspectedAt !== null) {
    const trouble = 'two machines report as this host';
    return { rank: 0, concern: { ...base, key: `clone ${host.id}`, look: 'unhealthy', trouble, at: host.cloneSuspectedAt } };
  }
  switch (host.freshness) {
    case 'offline':
      return { rank: 0, concern: { ...base, key: `host ${host.id}`, look: 'dead', trouble: 'host is silent', at } };
    case 'engine_down': {
      const trouble = host.engineError ?? 'its container engine does not answer';
      return { rank: 0, concern: { ...base, key: `host ${host.id}`, look: 'unhealthy', trouble, at } };
    }
    case 'stale':
      return { rank: 3, concern: { ...base, key: `host ${host.id}`, look: 'starting', trouble: 'missed heartbeats', at } };
    case 'online':
    case 'never':
      return null;
  }
}

function containerConcern(container: ContainerView, crashes: ReadonlyMap<string, number>): Ranked | null {
  // What a silent host last said is no news: the host itself is the concern.
  if (!isCurrent(container.hostFreshness) || container.removedAt !== null) return null;
  const { hostId, hostName, dockerId, name, state, health, exitCode, changedAt } = container;
  const base = { key: `container ${hostId} ${dockerId}`, what: name, at: changedAt, hostId, hostName, dockerId };
  const crashed = crashes.get(crashKey(container)) ?? 0;
  if (state === 'restarting' || (crashed >= CRASHES_OF_A_LOOP && state !== 'paused')) {
    const times = crashed > 1 ? `, ${crashed} times in the last hour` : '';
    const code = exitCode === null ? '' : ` with exit code ${exitCode}`;
    return { rank: 1, concern: { ...base, look: 'restarting', trouble: `keeps crashing${code}${times}` } };
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

function crashCounts(events: readonly ContainerEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) {
    const isCrash = (event.kind === 'exited' || event.kind === 'restarted') && (event.exitCode ?? 0) !== 0;
    if (isCrash) counts.set(crashKey(event), (counts.get(crashKey(event)) ?? 0) + 1);
  }
  return counts;
}
