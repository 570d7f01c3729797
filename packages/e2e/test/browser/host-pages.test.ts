import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@muster/db/testing';
import type { Page } from 'playwright-core';
import { findViolations } from '../support/axe.js';
import {
  describeLargeFleet,
  overflowOf,
  startDashboard,
  useBrowserPage,
  waitUntilLoaded,
  type Dashboard,
} from '../support/browser.js';
import { HOST_WITH_HISTORY, seedLabeledFleet, SHARED_NAME } from '../support/seed-labeled-fleet.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));
const VIEWPORTS = { wide: { width: 1440, height: 900 }, phone: { width: 360, height: 780 } } as const;
const HOSTS = 500;

const VIEWS = Object.entries(VIEWPORTS).flatMap(([size, viewport]) =>
  (['light', 'dark'] as const).map((theme) => ({ size, viewport, theme })),
);

describeLargeFleet('the pages of 500 hosts with labels', () => {
  const visit = useBrowserPage();
  let db: TestDatabase;
  let dashboard: Dashboard;
  let page: Page;

  beforeAll(async () => {
    await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
    db = await createTestDatabase('postgresql');
    dashboard = await startDashboard(db.url, { MUSTER_SIGN_INS_PER_MINUTE: '1000' });
    await seedLabeledFleet(db, HOSTS);
  });
  afterAll(async () => {
    await dashboard.close();
    await db.close();
  });
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
  });

  const openHost = async (q: string): Promise<void> => {
    const { items } = await dashboard.api.call('listHosts', { query: { q } });
    await page.goto(`${dashboard.url}/hosts/${items[0]!.id}`);
    await page.getByRole('heading', { level: 1, name: items[0]!.name }).waitFor();
    await page.locator('.uptime-bar').waitFor();
    await waitUntilLoaded(page);
  };
  /** Checks the page, and takes a picture of the whole page. */
  async function check(name: string): Promise<void> {
    expect(await overflowOf(page)).toBe(0);
    expect(await findViolations(page)).toEqual([]);
    const { width, height } = page.viewportSize()!;
    await page.setViewportSize({ width, height: await page.evaluate<number>('document.documentElement.scrollHeight') });
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `${name}.png`) });
    await page.setViewportSize({ width, height });
  }

  test.each(VIEWS)('fit the window and are accessible: $size, $theme', async ({ size, viewport, theme }) => {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: theme });
    await page.goto(`${dashboard.url}/hosts?sort=-severity&hostLabel=env%3Dprod`);
    await page.getByText('300 hosts', { exact: true }).waitFor();
    await page.getByText('Lowest availability').click();
    await page.locator('.worst-hosts li').nth(4).waitFor();
    await check(`labeled-hosts-${size}-${theme}`);
    await page.goto(`${dashboard.url}/hosts?group=site`);
    await page.getByRole('region', { name: 'Hosts by site' }).getByRole('link', { name: 'sin' }).waitFor();
    await check(`labeled-groups-${size}-${theme}`);
    await openHost(HOST_WITH_HISTORY);
    await check(`labeled-host-${size}-${theme}`);
  });

  test('show which source sets each label of a host, and which label another source replaces', async () => {
    await openHost(HOST_WITH_HISTORY);
    const labelsOf = (source: string) => page.getByRole('list', { name: source });
    await labelsOf('Operators').getByRole('link', { name: 'team=payments' }).waitFor();
    await labelsOf('Agent').getByRole('link', { name: 'site=fra' }).waitFor();
    expect(await labelsOf('Enrollment token').locator('s').allInnerTexts()).toEqual([
      expect.stringMatching(/^team=\w+\s\(replaced\)$/),
    ]);
  });

  test('distinguish hosts with the same name in the lists of containers, ports and events', async () => {
    const { items } = await dashboard.api.call('listHosts', { query: { q: SHARED_NAME } });
    const [first] = items;
    const distinct = `${SHARED_NAME} (${first!.addresses![0]}, engine ${first!.engineId.slice(0, 8)})`;
    for (const path of ['containers', 'ports', 'events?subject=host', 'containers?group=host']) {
      await page.goto(`${dashboard.url}/${path}${path.includes('?') ? '&' : '?'}hostId=${first!.id}`);
      if (path !== 'ports') await page.locator('main').getByText(distinct).last().waitFor();
      else await page.getByRole('row').filter({ hasText: distinct }).first().waitFor();
    }
    // The stream reports the new name, which no other host has.
    await page.goto(`${dashboard.url}/containers?hostId=${first!.id}`);
    const cell = page.getByRole('table', { name: 'Containers' }).getByRole('link', { name: SHARED_NAME }).first();
    await cell.getByText('engine').waitFor();
    await dashboard.api.call('updateHost', { params: { hostId: first!.id }, body: { name: 'buildbox-1' } });
    const renamed = page.getByRole('table', { name: 'Containers' }).getByRole('link', { name: 'buildbox-1' }).first();
    await renamed.waitFor();
    await renamed.getByText('engine').waitFor({ state: 'detached' });
  });

  test('select all hosts that a filter finds, including hosts that are not loaded, and change their labels', async () => {
    await page.goto(`${dashboard.url}/hosts?hostLabel=env%3Dprod`);
    await page.getByLabel('Select all loaded hosts').check();
    await page.getByText('300 hosts · 200 selected').waitFor();
    await page.getByRole('button', { name: 'Select all 300' }).click();
    await page.getByText('300 hosts · 300 selected').waitFor();
    await page.getByRole('button', { name: 'Labels…' }).click();
    await page.getByLabel('Set labels').fill('tier=gold');
    await page.getByRole('button', { name: 'Change labels' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const { total } = await dashboard.api.call('listHosts', {
      query: { hostLabel: ['tier=gold'], count: true, limit: 1 },
    });
    expect(total).toBe(300);
  });

  test('count only the hosts that match the label filter in groups of containers', async () => {
    await page.goto(`${dashboard.url}/containers?group=image&hostLabel=site%3Dsin`);
    const heading = page.getByRole('button', { name: /^redis:8\.2/ });
    await heading.getByText('100 hosts').waitFor();
    await page.getByRole('button', { name: 'Remove filter Host label: site=sin' }).click();
    await heading.getByText('500 hosts').waitFor();
  });
});
