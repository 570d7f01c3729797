import type { Flavour, Role } from '@muster/testkit/engine-replay';

/** A host that the demo invents: its engine is a real one's capture, its containers are like anybody's. */
export interface DemoHost {
  name: string;
  flavour: Flavour;
  /** Written over the captured `/info`, so that each is a machine of its own. */
  info: Readonly<Record<string, string>>;
  roles: readonly Role[];
}

const compose = (project: string, service: string): Record<string, string> => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
  team: project,
});

const role = (
  project: string,
  service: string,
  image: string,
  rest: Omit<Role, 'name' | 'image' | 'labels'>,
): Role => ({
  name: `${project}-${service}-1`,
  image,
  labels: compose(project, service),
  ...rest,
});

const shop = (port: number): Role[] => [
  role('shop', 'web', 'registry.example.com/shop/web:2026.11.3', {
    ...{ temper: 'redeployed', hasHealthCheck: true, command: 'node server.js' },
    ports: [{ privatePort: 8080, publicPort: port }],
  }),
  role('shop', 'api', 'registry.example.com/shop/api:2026.11.3', {
    ...{ temper: 'flapping', hasHealthCheck: true, command: 'node api.js' },
    ports: [{ privatePort: 9000 }],
  }),
  role('shop', 'cache', 'docker.io/library/redis:8.2', { temper: 'steady', ports: [{ privatePort: 6379 }] }),
  role('shop', 'edge', 'docker.io/library/nginx:1.29', {
    temper: 'steady',
    ports: [
      { privatePort: 80, publicPort: 80 },
      { privatePort: 443, publicPort: 443 },
    ],
  }),
  role('shop', 'mailer', 'registry.example.com/shop/mailer:1.8', { temper: 'batch', command: 'node send-queue.js' }),
];

/** The fleet; engines of two kinds, and containers of every temper. */
export const FLEET: readonly DemoHost[] = [
  { name: 'web-01', flavour: 'docker-28.5', info: { ID: 'demo-web-01' }, roles: shop(8081) },
  { name: 'web-02', flavour: 'docker-28.5', info: { ID: 'demo-web-02' }, roles: shop(8082) },
  {
    name: 'payments-01',
    flavour: 'docker-28.5',
    info: { ID: 'demo-payments-01' },
    roles: [
      role('payments', 'api', 'registry.example.com/payments/api:41', {
        ...{ temper: 'flapping', hasHealthCheck: true },
        ports: [{ ip: '10.0.0.5', privatePort: 8443, publicPort: 8443 }],
      }),
      role('payments', 'worker', 'registry.example.com/payments/worker:41', {
        temper: 'crashing',
        command: 'worker --queue charges',
      }),
      role('payments', 'ledger', 'docker.io/library/postgres:18', { temper: 'steady', ports: [{ privatePort: 5432 }] }),
      role('payments', 'fraud', 'registry.example.com/payments/fraud:7', { temper: 'crashing', hasHealthCheck: true }),
    ],
  },
  {
    name: 'batch-01',
    flavour: 'podman-4.3',
    info: { DockerRootDir: '/var/lib/containers/demo-batch-01' },
    roles: [
      role('reports', 'nightly', 'registry.example.com/reports/nightly:3', {
        temper: 'batch',
        command: 'report --all',
      }),
      role('reports', 'invoices', 'registry.example.com/reports/invoices:3', { temper: 'batch' }),
      role('media', 'thumbnailer', 'registry.example.com/media/thumbnailer:0.9', { temper: 'crashing' }),
      role('media', 'store', 'quay.io/example/object-store:5', {
        temper: 'steady',
        ports: [{ privatePort: 9000, publicPort: 9000 }],
      }),
    ],
  },
  {
    name: 'edge-01',
    flavour: 'podman-4.3',
    info: { DockerRootDir: '/var/lib/containers/demo-edge-01' },
    roles: [
      role('sensors', 'gateway', 'quay.io/example/gateway:2.4', {
        ...{ temper: 'handled' },
        ports: [{ privatePort: 1883, publicPort: 1883 }],
      }),
      role('sensors', 'collector', 'quay.io/example/collector:2.4', { temper: 'flapping', hasHealthCheck: true }),
      role('sensors', 'updater', 'quay.io/example/updater:1.1', { temper: 'redeployed' }),
    ],
  },
];
