import type { Flavour, Role, Temper } from '@muster/testkit/engine-replay';

/** A host of the demo. Its engine replays a captured one, and its containers are typical ones. */
export interface DemoHost {
  name: string;
  flavour: Flavour;
  /** Replaces fields of the captured `/info`, so that each host is a separate machine. */
  info: Readonly<Record<string, string>>;
  roles: readonly Role[];
}

/** Creates the only container of a Compose service. */
const service = (
  project: string,
  name: string,
  image: string,
  temper: Temper,
  rest: Pick<Role, 'command' | 'hasHealthCheck' | 'ports'> = {},
): Role => ({
  name: `${project}-${name}-1`,
  image,
  temper,
  labels: { 'com.docker.compose.project': project, 'com.docker.compose.service': name, team: project },
  ...rest,
});

const port = (privatePort: number) => ({ privatePort });
const published = (privatePort: number, publicPort = privatePort) => ({ privatePort, publicPort });

const shop = (webPort: number): Role[] => [
  service('shop', 'web', 'registry.example.com/shop/web:2026.11.3', 'redeployed', {
    hasHealthCheck: true,
    command: 'node server.js',
    ports: [published(8080, webPort)],
  }),
  service('shop', 'api', 'registry.example.com/shop/api:2026.11.3', 'flapping', {
    hasHealthCheck: true,
    command: 'node api.js',
    ports: [port(9000)],
  }),
  service('shop', 'cache', 'docker.io/library/redis:8.2', 'steady', { ports: [port(6379)] }),
  service('shop', 'edge', 'docker.io/library/nginx:1.29', 'steady', { ports: [published(80), published(443)] }),
  service('shop', 'mailer', 'registry.example.com/shop/mailer:1.8', 'batch', { command: 'node send-queue.js' }),
];

const payments: readonly Role[] = [
  service('payments', 'api', 'registry.example.com/payments/api:41', 'flapping', {
    hasHealthCheck: true,
    ports: [{ ip: '10.0.0.5', ...published(8443) }],
  }),
  service('payments', 'worker', 'registry.example.com/payments/worker:41', 'crashing', {
    command: 'worker --queue charges',
  }),
  service('payments', 'ledger', 'docker.io/library/postgres:18', 'steady', { ports: [port(5432)] }),
  service('payments', 'fraud', 'registry.example.com/payments/fraud:7', 'crashing', { hasHealthCheck: true }),
];

const batch: readonly Role[] = [
  service('reports', 'nightly', 'registry.example.com/reports/nightly:3', 'batch', { command: 'report --all' }),
  service('reports', 'invoices', 'registry.example.com/reports/invoices:3', 'batch'),
  service('media', 'thumbnailer', 'registry.example.com/media/thumbnailer:0.9', 'crashing'),
  service('media', 'store', 'quay.io/example/object-store:5', 'steady', { ports: [published(9000)] }),
];

const edge: readonly Role[] = [
  service('sensors', 'gateway', 'quay.io/example/gateway:2.4', 'handled', { ports: [published(1883)] }),
  service('sensors', 'collector', 'quay.io/example/collector:2.4', 'flapping', { hasHealthCheck: true }),
  service('sensors', 'updater', 'quay.io/example/updater:1.1', 'redeployed'),
];

const podmanInfo = (name: string) => ({ DockerRootDir: `/var/lib/containers/demo-${name}` });

/** The demo's hosts, with both kinds of engines and all behaviors of containers. */
export const FLEET: readonly DemoHost[] = [
  { name: 'web-01', flavour: 'docker-28.5', info: { ID: 'demo-web-01' }, roles: shop(8081) },
  { name: 'web-02', flavour: 'docker-28.5', info: { ID: 'demo-web-02' }, roles: shop(8082) },
  { name: 'payments-01', flavour: 'docker-28.5', info: { ID: 'demo-payments-01' }, roles: payments },
  { name: 'batch-01', flavour: 'podman-4.3', info: podmanInfo('batch-01'), roles: batch },
  { name: 'edge-01', flavour: 'podman-4.3', info: podmanInfo('edge-01'), roles: edge },
];
