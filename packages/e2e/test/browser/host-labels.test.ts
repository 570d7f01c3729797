import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '@muster/testkit';
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
const VIEWPORTS = { wide: { width: 1440, height: 900 }, phone: { width: 360, height: 780 } } as const;

const visit = useBrowserPage();
let dashboard: Dashboard;
let web: RawHost;
let db: RawHost;
let page: Page;

/** Returns 64 labels with the longest possible keys and values. */
const longLabels = () =>
  Object.fromEntries(
    Array.from({ length: 64 }, (_, index) => [`${'k'.repeat(60)}-${index}`.slice(-63), 'v'.repeat(63)] as const),
  );
const labelsOf = async ({ id }: RawHost) => (await dashboard.api.call('getHost', { params: { hostId: id } })).labels;
const setLabels = ({ id }: RawHost, labels: Record<string, string>) =>
  dashboard.api.call('updateHost', { params: { hostId: id }, body: { labels } });

describeInChromium('the labels of hosts', () => {
  beforeAll(async () => {
    await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
    dashboard = await startDashboard(null, { ...LONG_CADENCE, MUSTER_SIGN_INS_PER_MINUTE: '1000' });
    web = await enrollRawHost(dashboard.muster, { name: 'web-01' });
    db = await enrollRawHost(dashboard.muster, { name: 'db-01' });
    for (const [host, name] of [
      [web, 'web'],
      [db, 'db'],
    ] as const) {
      await host.sync([{ dockerId: name, name: `shop-${name}-1`, image: `shop/${name}:1`, state: 'running' }]);
    }
  });
  afterAll(() => dashboard.close());
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
    await page.setViewportSize(VIEWPORTS.wide);
    await setLabels(web, { env: 'prod', site: 'fra' });
    await setLabels(db, { env: 'test' });
  });

  test('can be edited on the page of a host, and an error contains the label’s key', async () => {
    await page.goto(`${dashboard.url}/hosts/${web.id}`);
    await page.getByRole('link', { name: 'env=prod' }).waitFor();
    await page.getByRole('list', { name: 'Operators' }).getByRole('link', { name: 'env=prod' }).waitFor();
    await page.getByRole('button', { name: 'Edit labels' }).click();
    const entry = page.getByLabel('Labels set by operators');
    expect(await entry.inputValue()).toBe('env=prod\nsite=fra');
    await entry.fill('env=prod\nbad key=1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/bad key: must be a label key/i).waitFor();
    await entry.fill('env=prod\nenv=test');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The label env occurs twice.').waitFor();
    await entry.fill('env=staging\nteam=web');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'team=web' }).waitFor();
    expect(await labelsOf(web)).toEqual({ env: 'staging', team: 'web' });
  });

  test('can be set and removed on several selected hosts at once', async () => {
    await page.goto(`${dashboard.url}/hosts`);
    await page.getByLabel('Select web-01').check();
    await page.getByLabel('Select db-01').check();
    await page.getByRole('button', { name: 'Labels…' }).click();
    await page.getByLabel('Set labels').fill('team=shop');
    await page.getByLabel('Remove labels').fill('site');
    await page.getByRole('button', { name: 'Change labels' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await labelsOf(web)).toEqual({ env: 'prod', team: 'shop' });
    expect(await labelsOf(db)).toEqual({ env: 'test', team: 'shop' });
  });

  test('filter hosts, containers, images, ports and events, and group hosts', async () => {
    await page.goto(`${dashboard.url}/hosts`);
    await page.getByRole('link', { name: 'env=prod' }).click();
    await page.getByText('1 host', { exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'db-01' }).count()).toBe(0);
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'host-labels-filter.png') });
    for (const [path, shown, hidden] of [
      ['containers', 'shop-web-1', 'shop-db-1'],
      ['events', 'shop-web-1', 'shop-db-1'],
      ['images', 'shop/web', 'shop/db'],
    ] as const) {
      await page.goto(`${dashboard.url}/${path}?hostLabel=env%3Dprod`);
      await page.getByText(shown).first().waitFor();
      expect(await page.getByText(hidden).count()).toBe(0);
      await page.getByRole('button', { name: 'Remove filter Host label: env=prod' }).click();
      await page.getByText(hidden).first().waitFor();
    }
    await page.goto(`${dashboard.url}/ports?hostLabel=env%3Dprod`);
    const add = page.getByRole('button', { name: 'Host label', exact: true });
    const entry = page.getByLabel('Host label, as key or key=value');
    await add.click();
    await entry.pressSequentially(' site = fra');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove filter Host label: site=fra' }).waitFor();
    await eventually(async () => expect(await add.evaluate((button) => button === document.activeElement)).toBe(true));
    // A typed label applies when the field loses the focus, but not after Escape.
    await add.click();
    await entry.pressSequentially('nothing');
    await page.keyboard.press('Escape');
    await add.click();
    await entry.pressSequentially('team');
    await page.getByRole('heading', { name: 'Ports', exact: true }).click();
    await page.getByRole('button', { name: 'Remove filter Host label: team' }).waitFor();
    await page.waitForURL((url) => url.searchParams.getAll('hostLabel').join() === 'env=prod,site=fra,team');

    await page.goto(`${dashboard.url}/hosts`);
    await page.getByRole('button', { name: 'Group' }).click();
    await page.getByRole('menuitemradio', { name: 'env' }).click();
    const groups = page.getByRole('region', { name: 'Hosts by env' });
    await groups.getByRole('link', { name: 'prod' }).waitFor();
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'host-groups.png') });
    await groups.getByRole('link', { name: 'test' }).click();
    await page.getByRole('link', { name: 'db-01' }).waitFor();
    await page.getByText('1 host', { exact: true }).waitFor();
  });

  test('filter the lowest availability, the events of hosts and the fleet, and links keep the filter', async () => {
    const requested: string[] = [];
    page.on('response', (response) => {
      if (response.url().includes('/api/availability')) requested.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(`${dashboard.url}/hosts?hostLabel=env%3Dprod`);
    await page.getByText('1 host', { exact: true }).waitFor();
    expect(requested).toEqual([]);
    await page.getByText('Lowest availability').click();
    await page
      .getByRole('region', { name: 'Lowest availability' })
      .getByText(/known|web-01/)
      .waitFor();
    expect(requested).toHaveLength(1);
    expect(requested[0]).toMatch(/^200 .*hostLabel=env%3Dprod/);

    await page.goto(`${dashboard.url}/events?hostLabel=env%3Dprod`);
    await page.getByRole('navigation', { name: 'Events of' }).getByRole('link', { name: 'Hosts' }).click();
    await page.getByText('Labels changed').first().waitFor();
    expect(await page.getByText('db-01').count()).toBe(0);
    await page.getByRole('button', { name: 'Remove filter Host label: env=prod' }).click();
    await page.getByText('db-01').first().waitFor();

    await page.goto(`${dashboard.url}/?hostLabel=env%3Dprod`);
    const summary = page.getByRole('region', { name: 'Fleet summary' });
    await summary.getByRole('link', { name: '1 host', exact: true }).waitFor();
    expect(await page.getByText('db-01').count()).toBe(0);
    await summary.getByRole('link', { name: '1 container', exact: true }).click();
    await page.getByRole('button', { name: 'Remove filter Host label: env=prod' }).waitFor();
  });

  test('filter the builds of an image, and links keep the filter', async () => {
    await page.goto(`${dashboard.url}/images?hostLabel=env%3Dprod`);
    await page.locator('.image-builds').click();
    await page.getByRole('heading', { name: 'shop/web:1' }).waitFor();
    const chip = page.getByRole('button', { name: 'Remove filter Host label: env=prod' });
    await chip.waitFor();
    await page.getByRole('link', { name: '1 container' }).first().click();
    await page.waitForURL(/\/containers\?/);
    await chip.waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'All images' }).click();
    await page.waitForURL(/\/images\?/);
    await chip.waitFor();
  });

  test('keep a change that someone else makes while the dialog is open', async () => {
    await page.goto(`${dashboard.url}/hosts/${web.id}`);
    await page.getByRole('button', { name: 'Edit labels' }).click();
    const entry = page.getByLabel('Labels set by operators');
    expect(await entry.inputValue()).toBe('env=prod\nsite=fra');
    await setLabels(web, { env: 'prod', site: 'fra', team: 'web' });
    await entry.fill('env=prod\nsite=muc');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await labelsOf(web)).toEqual({ env: 'prod', site: 'muc', team: 'web' });
  });

  test('that are invalid cause an error at their field', async () => {
    await page.goto(`${dashboard.url}/hosts`);
    await page.getByLabel('Select web-01').check();
    await page.getByRole('button', { name: 'Labels…' }).click();
    await page.getByLabel('Remove labels').fill('-wrong');
    await page.getByRole('button', { name: 'Change labels' }).click();
    await page.getByText(/^-wrong: must be a label key/).waitFor();
    expect(await page.getByLabel('Remove labels').getAttribute('aria-invalid')).toBe('true');
    expect(await page.getByLabel('Set labels').getAttribute('aria-invalid')).toBe('false');
  });

  test('can be missing, like the facts about a host, in responses of an earlier version', async () => {
    // A message of the live stream would add the fields.
    await page.route('**/api/stream*', (route) => route.abort());
    await page.route('**/api/hosts/*', async (route) => {
      const response = await route.fetch();
      const added = ['labels', 'labelsBySource', 'addresses', 'kernel', 'cpus', 'memoryBytes', 'engineFacts'];
      const fields = Object.entries((await response.json()) as object);
      const host = Object.fromEntries(
        fields.filter(([name]) => ![...added, 'nameIsShared', 'nameSetByOperator'].includes(name)),
      );
      await route.fulfill({ response, json: host });
    });
    await page.goto(`${dashboard.url}/hosts/${web.id}`);
    await page.getByRole('heading', { name: 'web-01' }).waitFor();
    await page.getByRole('button', { name: 'Edit labels' }).click();
    expect(await page.getByLabel('Labels set by operators').inputValue()).toBe('');
    expect(await page.getByText(/NaN|undefined/).count()).toBe(0);
  });

  test('are defaults of an enrollment token', async () => {
    await page.goto(`${dashboard.url}/add-host`);
    await page.getByLabel('Labels (optional)').fill('env=prod\nsite=muc');
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.getByRole('heading', { name: 'Run the agent on the host' }).waitFor();
    const { items } = await dashboard.api.call('listEnrollmentTokens');
    expect(items[0]?.labels).toEqual({ env: 'prod', site: 'muc' });
  });

  test('leave room on a phone for the table and for hosts with the same long name', async () => {
    const engineId = (number: number) => `ABCD123${number}-0000-4000-8000-000000000000`;
    const twins = [];
    for (const number of [1, 2]) {
      const twin = await enrollRawHost(dashboard.muster, { name: 'twin-with-a-long-name', engineId: engineId(number) });
      await twin.sync([]);
      await twin.beat([], { facts: { addresses: [`192.168.100.1${number}`] } });
      twins.push(twin);
    }
    await page.setViewportSize({ width: 360, height: 640 });
    await page.goto(`${dashboard.url}/hosts`);
    const links = page.getByRole('table', { name: 'Hosts' }).getByRole('link', { name: 'twin-with-a-long-name' });
    await links.nth(1).waitFor();
    for (const box of [await links.nth(0).boundingBox(), await links.nth(1).boundingBox()]) {
      expect(box!.width).toBeGreaterThan(60);
    }
    expect(await overflowOf(page)).toBe(0);
    const table = await page.getByRole('region', { name: 'Hosts', exact: true }).boundingBox();
    expect(table!.height).toBeGreaterThan(250);
    await page.getByText('Lowest availability').click();
    await page.getByRole('region', { name: 'Lowest availability' }).getByRole('group', { name: 'Period' }).waitFor();
    expect((await page.getByRole('region', { name: 'Hosts', exact: true }).boundingBox())!.height).toBeGreaterThan(250);
    expect(await overflowOf(page)).toBe(0);
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'host-twins-phone.png') });

    await page.setViewportSize(VIEWPORTS.wide);
    await page.goto(`${dashboard.url}/events`);
    await page.getByRole('button', { name: 'Host', exact: true }).click();
    await page.getByRole('combobox', { name: 'Name of a host' }).fill('twin');
    await page.getByText('192.168.100.11, engine ABCD1231').click();
    await page.getByRole('button', { name: /Remove filter Host: twin-with-a-long-name \(192\.168\.100\.11/ }).waitFor();
    for (const { id } of twins) await dashboard.api.call('deleteHost', { params: { hostId: id } });
  });

  test.each(Object.entries(VIEWPORTS))(
    'do not make a page wider than the screen, even if a host has 64 long labels: %s',
    async (size, viewport) => {
      await setLabels(web, longLabels());
      await page.setViewportSize(viewport);
      await page.goto(`${dashboard.url}/hosts/${web.id}`);
      await page.getByRole('button', { name: 'Edit labels' }).waitFor();
      expect(await overflowOf(page)).toBe(0);
      await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `host-labels-${size}.png`) });
      await page.getByRole('button', { name: 'Edit labels' }).click();
      await page.getByLabel('Labels set by operators').waitFor();
      expect(await overflowOf(page)).toBe(0);
      await page.goto(`${dashboard.url}/hosts`);
      await page.getByRole('link', { name: 'web-01' }).waitFor();
      expect(await overflowOf(page)).toBe(0);
    },
  );
});
