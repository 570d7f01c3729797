import { canonicalLabels, type Port } from '@muster/contracts';
import { randomHex, seededRandom } from './random.js';

/**
 * What a container is there for: the same on every host, whatever container fills it at the moment. What is the same
 * of all containers that fill it is kept as the JSON that it becomes, in the contract's canonical order.
 */
export interface Role {
  readonly name: string;
  readonly hasHealthCheck: boolean;
  /** The fields between `dockerId` and `state`, of a release of it, counted from 0. */
  fieldsBeforeState(release: number): string;
  /** The fields between `status` and `startedAt`. */
  readonly fieldsAfterStatus: string;
}

const SERVICES = [
  { service: 'web', image: 'web', command: 'node server.js', port: 8080, isPublished: true, hasHealthCheck: true },
  { service: 'api', image: 'api', command: 'node --enable-source-maps api.js', port: 9000, hasHealthCheck: true },
  { service: 'worker', image: 'worker', command: 'worker --queue default --concurrency 4' },
  { service: 'cache', image: 'redis', command: 'docker-entrypoint.sh redis-server --save 60 1', port: 6379 },
  { service: 'db', image: 'postgres', command: 'docker-entrypoint.sh postgres', port: 5432, hasHealthCheck: true },
  { service: 'scheduler', image: 'scheduler', command: 'scheduler --leader-elect' },
  { service: 'proxy', image: 'nginx', command: "nginx -g 'daemon off;'", port: 80, isPublished: true },
] as const;

const PROJECTS = ['shop', 'payments', 'reports', 'media', 'sensors', 'search', 'mail', 'identity'] as const;

/** Published ports of a host begin here. */
const PUBLISHED_PORT_MIN = 20_000;

/**
 * The roles of a host of `count` containers: services of compose projects, labelled as compose labels them. One list
 * serves all hosts of a fleet, which are alike as a fleet's hosts are.
 */
export const createRoles = (count: number): Role[] => Array.from({ length: count }, (_, slot) => createRole(slot));

function createRole(slot: number): Role {
  const kind = SERVICES[slot % SERVICES.length]!;
  const project = PROJECTS[Math.floor(slot / SERVICES.length) % PROJECTS.length]!;
  const number = Math.floor(slot / (SERVICES.length * PROJECTS.length)) + 1;
  const name = `${project}-${kind.service}-${number}`;
  const ports = 'port' in kind ? portsOf(kind.port, 'isPublished' in kind ? PUBLISHED_PORT_MIN + slot : null) : [];
  const labels = canonicalLabels({
    'com.docker.compose.config-hash': randomHex(seededRandom(slot, 1), 64),
    'com.docker.compose.container-number': String(number),
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.project': project,
    'com.docker.compose.service': kind.service,
    'com.docker.compose.version': '2.40.3',
    team: project,
  });
  const releases: string[] = [];
  return {
    name,
    hasHealthCheck: 'hasHealthCheck' in kind,
    fieldsBeforeState: (release) =>
      (releases[release] ??= fields({
        name,
        image: `registry.example.com/${project}/${kind.image}:2026.11.${release}`,
        imageId: `sha256:${randomHex(seededRandom(slot, 2, release), 64)}`,
        command: kind.command,
      })),
    fieldsAfterStatus: fields({ ports, labels }),
  };
}

/** The JSON of an object without its braces. */
const fields = (object: Readonly<Record<string, unknown>>): string => JSON.stringify(object).slice(1, -1);

function portsOf(privatePort: number, publicPort: number | null): Port[] {
  if (publicPort === null) return [{ privatePort, type: 'tcp' }];
  return ['0.0.0.0', '::'].map((ip) => ({ ip, privatePort, publicPort, type: 'tcp' }));
}
