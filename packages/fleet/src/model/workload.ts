/**
 * Simulated hosts, their containers, and the changes between two snapshots. The functions are pure: a container depends
 * only on the seed, the host, the container's place on the host, and the host's changes so far. A few numbers per host
 * are therefore enough to check a database.
 */
import { Container, type Port } from '@muster/contracts';
import { randomHex, seededRandom } from '@muster/testkit/random';

/** The difference between two snapshots: none, the age in a status text, or a restart, which is also an event. */
export type ChangeKind = 'none' | 'aged' | 'restarted';

/**
 * `running`: all containers run, so that all of them can change. `varied`: one container in seven does not run, as on
 * real hosts.
 */
export type StateMix = 'running' | 'varied';

/** The values that determine the containers of a host. */
export interface HostShape {
  seed: number;
  /** The number of the host in its fleet, from 0. */
  index: number;
  containers: number;
  mix: StateMix;
}

/**
 * The changes of a host so far. The changes affect the containers in turn: the first change the first container, the
 * second change the second container, and so on. After the last container, the first one is next.
 */
export interface HostProgress {
  /** Number of times that the age in a status text increased, summed over all containers. */
  ages: number;
  /** Restarts, summed over all containers. */
  restarts: number;
  /** The number of removed containers. The first container is removed first, then the second, and so on. */
  absent: number;
  /** The number of containers that were added after the start. */
  added: number;
}

export const NO_PROGRESS: HostProgress = { ages: 0, restarts: 0, absent: 0, added: 0 };

/** A simulated host, which computes its containers from its progress. */
export type SimulatedHost = ReturnType<typeof simulateHost>;

const SERVICES =
  'web api worker db cache queue search mail auth billing cron proxy admin metrics ingest export import render pdf push sync audit report index feed media image video chat board wiki docs blog shop cart stock price user team legal'.split(
    ' ',
  );
const REGISTRIES = ['', 'ghcr.io/acme/', 'registry.example.com/platform/', 'quay.io/acme/'];
const PROJECTS = 'shop crm intranet billing telemetry content support data'.split(' ');
const TIERS = ['frontend', 'backend', 'data', 'batch'];

/** Default values for the fields that the workload does not set or that contenders do not store. */
export const CONTAINER_DEFAULTS = Container.parse({ dockerId: '-', name: '-', image: '-', state: '-' });

/** An arbitrary start of the workload's times. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Number of different ages in status texts, one per minute. */
const AGES = 55;
/** The lowest age, in minutes. Docker writes all ages from 3 to 57 minutes as "N minutes". */
const AGE_MINUTES_MIN = 3;

/** Returns how many of the first `touches` changes affected the container at `place`. */
export const touchesOf = (touches: number, place: number, containers: number): number =>
  place >= touches || place >= containers ? 0 : Math.floor((touches - 1 - place) / containers) + 1;

/** Returns how many containers a change of `percent` touches: at least one, unless it is 0 %. */
export const touchesOfPercent = (percent: number, containers: number): number =>
  percent === 0 ? 0 : Math.max(1, Math.round((containers * percent) / 100));

/** Returns the progress after one more change of this kind to `touches` containers. */
export const advance = (progress: HostProgress, kind: ChangeKind, touches: number): HostProgress => ({
  ...progress,
  ages: progress.ages + (kind === 'aged' ? touches : 0),
  restarts: progress.restarts + (kind === 'restarted' ? touches : 0),
});

/**
 * Creates a simulated host. Equal shapes give equal containers. `remember` keeps the unchanging part of each container:
 * this is faster, but needs gigabytes for thousands of hosts.
 */
export function simulateHost(shape: HostShape, { remember = true } = {}) {
  const bases: ReturnType<typeof createBase>[] = [];
  const base = (place: number) => (remember ? (bases[place] ??= createBase(shape, place)) : createBase(shape, place));
  const container = (place: number, { ages, restarts }: HostProgress): Container => {
    const { container, minutes, before, after, startedMs } = base(place);
    if (startedMs === null) return container;
    const aged = touchesOf(ages, place, shape.containers);
    const restartCount = touchesOf(restarts, place, shape.containers);
    const age = AGE_MINUTES_MIN + ((minutes + aged + 7 * restartCount) % AGES);
    const [startedAt, finishedAt] = [0, 60_000].map((ms) =>
      new Date(startedMs + 61_000 * restartCount + ms).toISOString(),
    );
    const exit = { code: 0, reason: 'completed', error: '', finishedAt: finishedAt! } as const;
    return {
      ...container,
      status: `${before}${age} minutes${after}`,
      startedAt: startedAt!,
      ...(container.state === 'exited' ? { exit } : {}),
      restartCount,
    };
  };
  return {
    shape,
    /** Returns the container at a place, from 0. */
    container,
    /** Returns the present containers in the order of their places. */
    snapshot: (progress: HostProgress): Container[] =>
      Array.from({ length: shape.containers + progress.added - progress.absent }, (_, i) =>
        container(progress.absent + i, progress),
      ),
    /** Returns the ids of the removed containers. */
    absentIds: ({ absent }: HostProgress): string[] =>
      Array.from({ length: absent }, (_, place) => base(place).container.dockerId),
  };
}

/**
 * Returns the parts of a container that never change, and its first age and start time, from which its status text is
 * computed.
 */
function createBase({ seed, index, mix }: HostShape, place: number) {
  const random = seededRandom(seed ^ Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(place + 1, 0x85ebca6b));
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const hex = () => randomHex(random, 64);

  const dockerId = hex();
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
  if (place % 25 === 7) {
    const range = { privatePort: 16_384, publicPort: 16_384, type: 'udp', count: 16_384 } as const;
    ports.push({ ip: '0.0.0.0', ...range }, { ip: '::', ...range });
  }
  const { state, before, after, starts } = stateOf(mix, random());
  return {
    container: {
      ...CONTAINER_DEFAULTS,
      dockerId,
      name: `${service}-${number}`,
      image,
      imageId: `sha256:${hex()}`,
      command: `/usr/local/bin/${service} --config /etc/${service}.yaml`,
      state,
      status: before,
      ports,
      labels: {
        'com.docker.compose.config-hash': hex(),
        'com.docker.compose.container-number': `${number}`,
        'com.docker.compose.project': pick(PROJECTS),
        'com.docker.compose.service': service,
        'org.opencontainers.image.version': image.slice(image.indexOf(':') + 1),
        tier: pick(TIERS),
        ...(random() < 0.001 ? { 'acme.canary': 'true' } : {}),
      },
      startedAt: null,
      oomKilled: false,
      restartCount: 0,
      imageDigest: `sha256:${hex()}`,
    },
    minutes: Math.floor(random() * AGES),
    before,
    after,
    startedMs: starts ? EPOCH_MS + Math.floor(random() * 86_400_000) : null,
  };
}

/**
 * Returns a container's state, and the parts of its status text before and after the age. `place` (0 to 1) selects them
 * from the mix.
 */
function stateOf(mix: StateMix, place: number): { state: string; before: string; after: string; starts: boolean } {
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
