import type { CapturedEngine, Role, Behavior } from '@muster/testkit/engine-replay';

/** A Compose service with one container. */
type Service = [
  project: string,
  name: string,
  image: string,
  behavior: Behavior,
  ports?: Role['ports'],
  command?: string,
];

const toRole = ([project, name, image, behavior, ports = [], command = name]: Service): Role => ({
  name: `${project}-${name}-1`,
  image,
  behavior,
  ports,
  command,
  hasHealthCheck: behavior === 'flapping' || behavior === 'redeployed',
  labels: { 'com.docker.compose.project': project, 'com.docker.compose.service': name, team: project },
});

const port = (privatePort: number) => ({ privatePort });
const published = (privatePort: number, publicPort = privatePort) => ({ privatePort, publicPort });

/**
 * Describes a simulated host. `info` replaces fields of the captured `/info` response, so that each host has its own
 * identity.
 */
function createHost(name: string, capturedEngine: CapturedEngine, services: readonly Service[]) {
  const id = `demo-${name}`;
  // Podman returns a new random id with each call, so agents identify its engines by their storage directories.
  const identity = capturedEngine === 'podman-4.3' ? { DockerRootDir: `/var/lib/containers/${id}` } : { ID: id };
  return { name, capturedEngine, info: { Name: name, ...identity }, roles: services.map(toRole) };
}

const shop = (webPort: number): Service[] => [
  ['shop', 'web', 'registry.example.com/shop/web:2026.11.3', 'redeployed', [published(8080, webPort)], 'node web.js'],
  ['shop', 'api', 'registry.example.com/shop/api:2026.11.3', 'flapping', [port(9000)], 'node api.js'],
  ['shop', 'cache', 'docker.io/library/redis:8.2', 'steady', [port(6379)]],
  ['shop', 'edge', 'docker.io/library/nginx:1.29', 'steady', [published(80), published(443)]],
  ['shop', 'mailer', 'registry.example.com/shop/mailer:1.8', 'batch', [], 'node send-queue.js'],
];

/** The demo's hosts, with both kinds of engines and containers with every kind of behavior. */
export const FLEET = [
  createHost('web-01', 'docker-28.5', shop(8081)),
  createHost('web-02', 'docker-28.5', shop(8082)),
  createHost('payments-01', 'docker-28.5', [
    ['payments', 'api', 'registry.example.com/payments/api:41', 'flapping', [{ ip: '10.0.0.5', ...published(8443) }]],
    ['payments', 'worker', 'registry.example.com/payments/worker:41', 'crashing', [], 'worker --queue charges'],
    ['payments', 'ledger', 'docker.io/library/postgres:18', 'steady', [port(5432)]],
    ['payments', 'fraud', 'registry.example.com/payments/fraud:7', 'crashing'],
  ]),
  createHost('batch-01', 'podman-4.3', [
    ['reports', 'nightly', 'registry.example.com/reports/nightly:3', 'batch', [], 'report --all'],
    ['reports', 'invoices', 'registry.example.com/reports/invoices:3', 'batch'],
    ['media', 'thumbnailer', 'registry.example.com/media/thumbnailer:0.9', 'crashing'],
    ['media', 'store', 'quay.io/example/object-store:5', 'steady', [published(9000)]],
  ]),
  createHost('edge-01', 'podman-4.3', [
    ['sensors', 'gateway', 'quay.io/example/gateway:2.4', 'handled', [published(1883)]],
    ['sensors', 'collector', 'quay.io/example/collector:2.4', 'flapping'],
    ['sensors', 'updater', 'quay.io/example/updater:1.1', 'redeployed'],
  ]),
];
