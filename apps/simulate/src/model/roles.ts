import { canonicalLabels, type Labels, type Port } from '@muster/contracts';
import { randomHex, seededRandom } from './random.js';

/** What a container is there for: the same on every host, whatever container fills it at the moment. */
export interface Role {
  readonly name: string;
  readonly command: string;
  readonly ports: readonly Port[];
  readonly labels: Labels;
  readonly hasHealthCheck: boolean;
  /** The image of a release of it, counted from 0. */
  image(release: number): Image;
}

interface Image {
  readonly image: string;
  readonly imageId: string;
}

const SERVICES = [
  { service: 'web', image: 'web', command: 'node server.js', port: 8080, isPublished: true, hasHealthCheck: true },
  { service: 'api', image: 'api', command: 'node --enable-source-maps api.js', port: 9000, hasHealthCheck: true },
  { service: 'worker', image: 'worker', command: 'worker --queue default --concurrency 4' },
  { service: 'cache', image: 'redis', command: 'docker-entrypoint.sh redis-server --save 60 1', port: 6379 },
  { service: 'db', image: 'postgres', command: 'docker-entrypoint.sh postgres', port: 5432, hasHealthCheck: true },
  { service: 'scheduler', image: 'scheduler', command: 'scheduler --leader-elect' },
  { service: 'proxy', image: 'nginx', command: "/docker-entrypoint.sh nginx -g 'daemon off;'", port: 80, isPublished: true },
] as const;

const PROJECTS = ['shop', 'payments', 'reports', 'media', 'sensors', 'search', 'mail', 'identity'] as const;

/** Published ports of a host begin here. */
const PUBLISHED_PORT_MIN = 20_000;

/**
 * The roles of a host of `count` containers: services of compose projects, labelled as compose labels them. One list
 * serves all hosts of a fleet, which are alike as a fleet's hosts are; ports and labels are in canonical order.
 */
export const createRoles = (count: number): Role[] => Array.from({ length: count }, (_, slot) => createRole(slot));

function createRole(slot: number): Role {
  const kind = SERVICES[slot % SERVICES.length]!;
  const project = PROJECTS[Math.floor(slot / SERVICES.length) % PROJECTS.length]!;
  const number = Math.floor(slot / (SERVICES.length * PROJECTS.length)) + 1;
  const images: Image[] = [];
  return {
    name: `${project}-${kind.service}-${number}`,
    command: kind.command,
    ports: 'port' in kind ? portsOf(kind.port, 'isPublished' in kind ? PUBLISHED_PORT_MIN + slot : null) : [],
    labels: canonicalLabels({
      'com.docker.compose.config-hash': randomHex(seededRandom(slot, 1), 64),
      'com.docker.compose.container-number': String(number),
      'com.docker.compose.oneoff': 'False',
      'com.docker.compose.project': project,
      'com.docker.compose.service': kind.service,
      'com.docker.compose.version': '2.40.3',
      team: project,
    }),
    hasHealthCheck: 'hasHealthCheck' in kind,
    image: (release) =>
      (images[release] ??= {
        image: `registry.example.com/${project}/${kind.image}:2026.11.${release}`,
        imageId: `sha256:${randomHex(seededRandom(slot, 2, release), 64)}`,
      }),
  };
}

function portsOf(privatePort: number, publicPort: number | null): Port[] {
  if (publicPort === null) return [{ privatePort, type: 'tcp' }];
  return ['0.0.0.0', '::'].map((ip) => ({ ip, privatePort, publicPort, type: 'tcp' }));
}
