import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { ContainerInput } from '@muster/contracts';
import type { Page } from 'playwright-core';
import {
  describeInChromium,
  LONG_CADENCE,
  overflowOf,
  startDashboard,
  useBrowserPage,
  type Dashboard,
} from '../support/browser.js';
import { enrollRawHost, type RawHost } from '../support/host.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));

const visit = useBrowserPage();
let dashboard: Dashboard;
let [one, two]: RawHost[] = [];
let page: Page;

const running = (dockerId: string, name: string, fields: Partial<ContainerInput> = {}): ContainerInput => ({
  ...{ dockerId, name, image: 'shop/web:1', state: 'running', status: 'Up 2 minutes', ports: [], labels: {} },
  ...fields,
});
const composed = (dockerId: string, name: string, fields: Partial<ContainerInput> = {}) =>
  running(dockerId, name, {
    labels: {
      'com.docker.compose.project': 'blog',
      'com.docker.compose.service': 'web',
      'com.docker.compose.container-number': '1',
    },
    ...fields,
  });
const task = (id: string, service: string, slot: number, fields: Partial<ContainerInput> = {}) =>
  running(id, `shop_${service}.${slot}.${id}`, {
    labels: {
      'com.docker.stack.namespace': 'shop',
      'com.docker.swarm.service.name': `shop_${service}`,
      'com.docker.swarm.service.id': `one-${service}`,
    },
    ...fields,
  });
const crashed = (container: ContainerInput): ContainerInput => ({
  ...{ ...container, state: 'exited', status: 'Exited (1) 2 seconds ago' },
  exit: { code: 1, reason: 'crashed', error: '', finishedAt: new Date().toISOString() },
});

const range = { privatePort: 16_384, publicPort: 16_384, type: 'udp', count: 16_384 } as const;
const relay = running('relay', 'relay', {
  image: 'coturn/coturn:4.6',
  ports: [
    { ip: '0.0.0.0', ...range },
    { ip: '::', ...range },
  ],
});
const infra = ['0', '1', '2'].map((digit) =>
  running(`infra${digit}`, `${digit.repeat(12)}-infra`, { image: 'localhost/podman-pause:5.4.2-1766335321' }),
);
const OLD_ID = '3f2a9c1b7d4e'.padEnd(64, '0');
const [old, next] = [
  composed(OLD_ID, 'blog-web-1', { image: 'blog:1' }),
  composed('aaaa', '3f2a9c1b7d4e_blog-web-1', { image: 'blog:2', state: 'created', status: 'Created' }),
];
const others = [relay, ...infra];

beforeAll(async () => {
  await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
  dashboard = await startDashboard(null, LONG_CADENCE);
  one = await enrollRawHost(dashboard.muster, { name: 'edge-01' });
  two = await enrollRawHost(dashboard.muster, { name: 'edge-02' });
  await one.sync([...others, old, task('t1', 'web', 1), task('d1', 'db', 1)]);
  // The task of slot 1 crashes twice on one host and three times on the other host.
  for (const id of ['t1', 't2']) {
    await one.sync([...others, old, task('d1', 'db', 1), task(id, 'web', 1)]);
    await one.sync([...others, old, task('d1', 'db', 1), crashed(task(id, 'web', 1))]);
  }
  await one.sync([...others, old, task('d1', 'db', 1)]);
  for (const id of ['t3', 't4', 't5']) {
    await two.sync([task(id, 'web', 1)]);
    await two.sync([crashed(task(id, 'web', 1))]);
  }
});
afterAll(() => dashboard.close());

describeInChromium('the dashboard', () => {
  let containers: ContainerInput[] = [...others, old, task('d1', 'db', 1)];

  /** Sends the current containers of both hosts. */
  const report = async (): Promise<void> => {
    await one!.sync(containers);
    await two!.sync([crashed(task('t5', 'web', 1)), task('w2', 'web', 2)]);
  };

  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
    await report();
  });

  const open = (path: string) => page.goto(`${dashboard.url}${path}`);
  const rows = () => page.getByRole('region', { name: /containers/i }).getByRole('row');
  const picture = (name: string) => page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `${name}.png`) });

  test('hides infra containers, shows their number, and lists them on request', async () => {
    await open('/');
    await page.getByRole('link', { name: '3 infra containers' }).waitFor();
    await open('/containers');
    await page.getByText('3 infra containers hidden').waitFor();
    expect(await page.getByText('-infra').count()).toBe(0);
    await page.getByRole('button', { name: 'Show infra containers' }).click();
    await page.getByText('including 3 infra containers').waitFor();
    await page.waitForURL(/infra=true/);
    await page.getByText('infra', { exact: true }).nth(2).waitFor();
    await picture('infra-containers');
    expect(await overflowOf(page)).toBe(0);
    await rows().getByRole('link', { name: '111111111111-infra' }).click();
    await page.getByText('Infra container: Only holds the namespaces of a pod').waitFor();
    await open(`/hosts/${one!.id}`);
    await page.getByText('3 infra containers hidden').waitFor();
    await page.getByRole('button', { name: 'Show infra containers' }).click();
    // The history on this page has links with the same names.
    await rows().getByRole('link', { name: '222222222222-infra' }).waitFor();
  });

  test('shows a range of ports as one entry, and finds its container by any port of the range', async () => {
    await open('/containers');
    await page.getByRole('link', { name: '16384–32767/udp', exact: true }).waitFor();
    await open(`/hosts/${one!.id}/containers/relay`);
    await page.getByRole('link', { name: '16384–32767/udp', exact: true }).waitFor();
    await open('/ports');
    await page.getByLabel('Port number').fill('20000');
    await page.waitForURL(/port=20000/);
    const table = page.getByRole('region', { name: 'Published ports' });
    await table.getByText('16384–32767/udp').first().waitFor();
    expect(await table.getByRole('link', { name: 'relay' }).count()).toBe(2);
    await picture('port-range');
    await page.getByLabel('Port number').fill('32768');
    await page.getByText('No container publishes port 32768').waitFor();
  });

  test('shows the tasks of a Swarm service as one crash loop, with a link to the workload', async () => {
    await open('/');
    const loop = page.getByRole('link', { name: /Crash loop: 5 exits in 1 h, last code 1/ });
    await loop.click();
    await page.waitForURL('**/workload?kind=swarm&project=shop&service=web&instance=1');
    await page.reload();
    await page.getByRole('heading', { name: 'shop/web' }).waitFor();
    const history = page.getByRole('region', { name: 'History' });
    await history.getByText('crashed (1)').nth(4).waitFor();
    expect(await history.getByText('crashed (1)').count()).toBe(5);
    for (const host of ['edge-01', 'edge-02']) await history.getByText(host).first().waitFor();
    await picture('workload');
    expect(await overflowOf(page)).toBe(0);
    await page.getByRole('link', { name: 'All instances' }).click();
    await page.getByRole('link', { name: 'shop_web.2.w2' }).first().waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await overflowOf(page)).toBe(0);
  });

  test('can show the services of two Swarm clusters with the same stack separately', async () => {
    const three = await enrollRawHost(dashboard.muster, { name: 'edge-03' });
    const other = task('x1', 'web', 1);
    await three.sync([{ ...other, labels: { ...other.labels, 'com.docker.swarm.service.id': 'two-web' } }]);
    await open('/workload?kind=swarm&project=shop&service=web');
    const section = page.getByRole('region', { name: 'Containers', exact: true });
    await section.getByText('2 Swarm clusters with a service of this name').waitFor();
    await section.getByText('shop_web.1.t5').waitFor();
    await section.getByText('Show only').getByRole('link', { name: 'edge-03' }).click();
    await page.waitForURL(/swarmServiceId=two-web/);
    await section.getByText('shop_web.1.t5').waitFor({ state: 'detached' });
    await section.getByText('shop_web.1.x1').waitFor();
    const history = page.getByRole('region', { name: 'History' });
    await history.getByText('crashed (1)').first().waitFor({ state: 'detached' });
    await history.getByText('edge-03').first().waitFor();
    await open(`/hosts/${three.id}/containers/x1`);
    await page.getByRole('region', { name: 'Details' }).getByRole('link', { name: 'web', exact: true }).click();
    await page.waitForURL(/swarmServiceId=two-web/);
    await three.sync([]);
  });

  test('groups a stack on several hosts as one project, and its containers by service', async () => {
    await open('/containers?group=project');
    const group = page.getByRole('button', { name: /^shop/ });
    await group.getByText('2 hosts').waitFor();
    expect(await group.count()).toBe(1);
    await group.click();
    for (const name of ['shop_db.1.d1', 'shop_web.1.t5', 'shop_web.2.w2']) {
      await page.getByRole('link', { name }).waitFor();
    }
    await open('/containers?group=service');
    for (const name of ['blog/web', 'shop/db']) await page.getByRole('button', { name }).waitFor();
    await page.getByRole('button', { name: 'shop/web' }).click();
    await page.getByRole('link', { name: 'shop_web.2.w2' }).waitFor();
    expect(await page.getByRole('link', { name: 'shop_db.1.d1' }).count()).toBe(0);
    await picture('services');
  });

  test('shows a recreation by Compose as one entry, and links the old container to the new container', async () => {
    containers = [...others, old, next];
    await report();
    await open('/containers?project=blog');
    await page.getByRole('link', { name: 'blog-web-1', exact: true }).waitFor();
    await page.getByText('being replaced').waitFor();
    await page.getByText('1 container', { exact: true }).waitFor();
    expect(await rows().count()).toBe(2);
    await picture('recreation');

    containers = [...others, next];
    await report();
    await page.getByText('being replaced').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'blog-web-1', exact: true }).waitFor();

    containers = [...others, composed('aaaa', 'blog-web-1', { image: 'blog:2' })];
    await report();
    await open(`/hosts/${one!.id}/containers/${OLD_ID}`);
    const successor = page.getByText('Replaced by');
    await successor.getByText('blog:2').waitFor();
    const history = page.getByRole('region', { name: 'History' });
    await history.getByText('replaced').first().waitFor();
    expect(await history.getByText(/replaced/).count()).toBe(1);
    await picture('replaced');
    await successor.getByRole('link', { name: 'blog-web-1', exact: true }).click();
    await page.waitForURL('**/containers/aaaa');
    await page.getByRole('region', { name: 'Details' }).getByRole('link', { name: '1', exact: true }).click();
    await page.getByRole('heading', { name: 'blog/web' }).waitFor();
    await open('/events?project=blog');
    await page.getByText('replaced').first().waitFor();
    expect(await page.getByText(/^blog-web-1 replaced/).count()).toBe(1);
  });
});
