/**
 * The work that all contenders are given: hosts, their containers, and what changes between two snapshots. Pure: a
 * container is a function of the seed, the host, its place on the host and how often the host's containers were
 * changed, so that whoever checks a database needs to know no more than a few numbers of each host.
 */
import { Container, type Port } from '@muster/contracts';
import { seededRandom } from '@muster/testkit/random';

/** What differs from one snapshot to the next: nothing, a status text's age, or a restart, which is an event too. */
export type ChangeKind = 'none' | 'aged' | 'restarted';

/** `running`: every container runs, so that each can change. `varied`: as on real hosts, a seventh is not running. */
export type StateMix = 'running' | 'varied';

/** A host as the workload knows it. */
export interface HostShape {
  seed: number;
  /** Its number among the hosts of one fleet. */
  index: number;
  containers: number;
  mix: StateMix;
}

/** What has happened to a host so far. Changes go round: the first container, the second, …, the first again. */
export interface HostProgress {
  /** Status texts that grew older, over all its containers. */
  ages: number;
  /** Restarts, over all its containers. */
  restarts: number;
  /** Containers, from the first, that are gone. */
  absent: number;
  /** Containers that came later. */
  added: number;
}

export const NO_PROGRESS: HostProgress = { ages: 0, restarts: 0, absent: 0, added: 0 };

/** A host whose containers can be asked for at any progress. */
export interface SimulatedHost {
  readonly shape: HostShape;
  /** Those that are there, in the order of their places. */
  snapshot(progress: HostProgress): Container[];
  /** The one at a place, from 0. */
  container(place: number, progress: HostProgress): Container;
  /** The ids of those that are gone. */
  absentIds(progress: HostProgress): string[];
}

const SERVICES =
  'web api worker db cache queue search mail auth billing cron proxy admin metrics ingest export import render pdf push sync audit report index feed media image video chat board wiki docs blog shop cart stock price user team legal'.split(
    ' ',
  );
const REGISTRIES = ['', 'ghcr.io/acme/', 'registry.example.com/platform/', 'quay.io/acme/'];
const PROJECTS = 'shop crm intranet billing telemetry content support data'.split(' ');
const TIERS = ['frontend', 'backend', 'data', 'batch'];

/** The defaults of a container's fields. Fields that the workload does not set, and contenders do not store, have these. */
export const DEFAULTS = Container.parse({ dockerId: '-', name: '-', image: '-', state: '-' });

/** The instant that the workload's times are counted from; any would do. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Status texts go round through so many minutes, all of which Docker writes as "N minutes". */
const MINUTES = 55;
const MINUTES_MIN = 3;

/** How often the container at `place` of `containers` was touched by the first `touches` touches, which go round. */
export const touchesOf = (touches: number, place: number, containers: number): number =>
  place >= touches || place >= containers ? 0 : Math.floor((touches - 1 - place) / containers) + 1;

/** Containers that a change of `percent` touches: at least one, unless it is of 0 %. */
export const touchesOfPercent = (percent: number, containers: number): number =>
  percent === 0 ? 0 : Math.max(1, Math.round((containers * percent) / 100));

/** The progress after one more change of this kind, of so many containers. */
export const advance = (progress: HostProgress, kind: ChangeKind, touches: number): HostProgress => ({
  ...progress,
  ages: progress.ages + (kind === 'aged' ? touches : 0),
  restarts: progress.restarts + (kind === 'restarted' ? touches : 0),
});

interface Base {
  container: Container;
  /** Minutes that its status text starts with, its words before and after them, and when it first started. */
  minutes: number;
  before: string;
  after: string;
  startedMs: number | null;
}

/**
 * A host of the workload. Equal shapes give equal containers. `remember`: keeps what a container is made from, which is
 * faster the second time, and too much of it for hosts by the thousand.
 */
export function simulateHost(shape: HostShape, { remember = true } = {}): SimulatedHost {
  const bases: Base[] = [];
  const base = (place: number): Base =>
    remember ? (bases[place] ??= createBase(shape, place)) : createBase(shape, place);
  const container = (place: number, { ages, restarts }: HostProgress): Container => {
    const { container, minutes, before, after, startedMs } = base(place);
    if (startedMs === null) return container;
    const aged = touchesOf(ages, place, shape.containers);
    const restarted = touchesOf(restarts, place, shape.containers);
    const age = MINUTES_MIN + ((minutes + aged + 7 * restarted) % MINUTES);
    return {
      ...container,
      status: `${before}${age} minutes${after}`,
      startedAt: new Date(startedMs + 61_000 * restarted).toISOString(),
    };
  };
  return {
    shape,
    container,
    snapshot: (progress) =>
      Array.from({ length: shape.containers + progress.added - progress.absent }, (_, i) =>
        container(progress.absent + i, progress),
      ),
    absentIds: ({ absent }) => Array.from({ length: absent }, (_, place) => base(place).container.dockerId),
  };
}

function createBase({ seed, index, mix }: HostShape, place: number): Base {
  const random = seededRandom(seed ^ Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(place + 1, 0x85ebca6b));
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const hex = (words: number) =>
    Array.from({ length: words }, () =>
      Math.floor(random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0'),
    ).join('');

  const dockerId = hex(8);
  const service = pick(SERVICES);
  const number = 1 + Math.floor(random() * 50);
  const repository = `${REGISTRIES[service.length % REGISTRIES.length]}${service}`;
  const image = `${repository}:${1 + Math.floor(random() * 5)}.${service.length}`;
  const privatePort = 3_000 + service.length * 10;
  const ports: Port[] = random() < 0.6 ? [{ privatePort, type: 'tcp' }] : [];
  if (random() < 0.4) {
    const publicPort = 30_000 + place;
    ports.push(
      { ip: '0.0.0.0', privatePort: privatePort + 1, publicPort, type: 'tcp' },
      { ip: '::', privatePort: privatePort + 1, publicPort, type: 'tcp' },
    );
  }
  const { state, before, after, starts } = life(mix, random());
  return {
    container: {
      ...DEFAULTS,
      dockerId,
      name: `${service}-${number}`,
      image,
      imageId: `sha256:${hex(8)}`,
      command: `/usr/local/bin/${service} --config /etc/${service}.yaml`,
      state,
      status: before,
      ports,
      labels: {
        'com.docker.compose.config-hash': hex(8),
        'com.docker.compose.container-number': `${number}`,
        'com.docker.compose.project': pick(PROJECTS),
        'com.docker.compose.service': service,
        'org.opencontainers.image.version': image.slice(image.indexOf(':') + 1),
        tier: pick(TIERS),
        ...(random() < 0.001 ? { 'acme.canary': 'true' } : {}),
      },
      startedAt: null,
    },
    minutes: Math.floor(random() * MINUTES),
    before,
    after,
    startedMs: starts ? EPOCH_MS + Math.floor(random() * 86_400_000) : null,
  };
}

/** A container's state and the frame of its status text, by its place (0 to 1) in the mix. */
function life(mix: StateMix, place: number): { state: string; before: string; after: string; starts: boolean } {
  const runs = { state: 'running', before: 'Up ', starts: true };
  if (mix === 'running') return { ...runs, after: place < 0.3 ? ' (healthy)' : '' };
  if (place < 0.01) return { ...runs, after: ' (unhealthy)' };
  if (place < 0.31) return { ...runs, after: ' (healthy)' };
  if (place < 0.85) return { ...runs, after: '' };
  if (place < 0.97) return { state: 'exited', before: 'Exited (0) ', after: ' ago', starts: true };
  if (place < 0.98) return { state: 'paused', before: 'Up ', after: ' (Paused)', starts: true };
  if (place < 0.9995) return { state: 'created', before: 'Created', after: '', starts: false };
  return { state: 'dead', before: 'Dead', after: '', starts: false };
}
