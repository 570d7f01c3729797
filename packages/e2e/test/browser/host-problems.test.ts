import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { AgentProblemCode, Host } from '@muster/contracts';
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
const VIEWPORTS = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

const AGENT_CODES: readonly AgentProblemCode[] = [
  'engine_unreachable',
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
];
const TITLES = [
  'Engine unreachable',
  'Container list refused',
  'Too many containers',
  'Snapshot refused',
  'Clock skew',
];
/** Returns a message of 300 characters that ends with a word that is too long for one line. */
const messageOf = (code: string): string =>
  `${code} because of ${'some reason '.repeat(9)}${'x'.repeat(300)}`.slice(0, 300);

const visit = useBrowserPage();
let dashboard: Dashboard;
let host: RawHost;
let page: Page;

beforeAll(async () => {
  await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
  dashboard = await startDashboard(null, { ...LONG_CADENCE, MUSTER_SIGN_INS_PER_MINUTE: '1000' });
  host = await enrollRawHost(dashboard.muster, { name: 'web-01' });
  const healthyHost = await enrollRawHost(dashboard.muster, { name: 'web-02' });
  await healthyHost.sync([]);
  await host.sync([{ dockerId: 'a', name: 'shop-web-1', image: 'shop', state: 'running' }]);
  // The host's clock is an hour ahead, which the API detects.
  const sentAt = new Date(Date.now() + 3_600_000).toISOString();
  await host.beat(
    AGENT_CODES.map((code) => ({ code, message: messageOf(code) })),
    { sentAt },
  );
  const { problems } = await dashboard.api.call('getHost', { params: { hostId: host.id } });
  expect(problems.map(({ code }) => code).sort()).toEqual([...AGENT_CODES, 'clock_skew'].sort());
});
afterAll(() => dashboard.close());

describeInChromium.each(Object.entries(VIEWPORTS))('the problems of a host, %s', (size, viewport) => {
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
    await page.setViewportSize(viewport);
  });

  /** Returns the elements that extend horizontally beyond their ancestor that matches `selector`. */
  const overflowingElements = (selector: string): Promise<string[]> =>
    page.evaluate(
      (ancestor) =>
        [...document.querySelectorAll(`${ancestor} *`)]
          .filter((element) => {
            const box = element.closest(ancestor)!.getBoundingClientRect();
            const { left, right } = element.getBoundingClientRect();
            return left < box.left - 1 || right > box.right + 1;
          })
          .map(({ outerHTML }) => outerHTML.slice(0, 200)),
      selector,
    );

  test('are on the host’s page with the name, start time and complete message, within the width of the page', async () => {
    await page.goto(`${dashboard.url}/hosts/${host.id}`);
    const list = page.getByRole('list', { name: 'Problems' });
    await list.waitFor();
    for (const title of TITLES) await list.getByText(title).waitFor();
    expect(await list.getByRole('listitem').count()).toBe(TITLES.length);
    for (const code of AGENT_CODES) await list.getByText(messageOf(code)).waitFor();
    const { problems } = (await dashboard.api.call('getHost', { params: { hostId: host.id } })) satisfies Host;
    const shownStartTimes = await list
      .locator('time')
      .evaluateAll((times) => times.map((time) => time.getAttribute('datetime')));
    expect(shownStartTimes.sort()).toEqual(problems.map(({ since }) => since).sort());
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `problems-host-${size}.png`), fullPage: true });
    expect(await overflowOf(page)).toBe(0);
    expect(await overflowingElements('.problems')).toEqual([]);
  });

  test('are on the host’s tile, before the tiles of healthy hosts', async () => {
    await page.goto(dashboard.url);
    const tiles = page.locator('a.tile');
    await tiles.first().waitFor();
    expect(await tiles.first().innerText()).toContain('web-01');
    for (const title of TITLES) expect(await tiles.first().innerText()).toContain(title);
    expect(await tiles.nth(1).innerText()).not.toContain('Snapshot refused');
    await page
      .getByRole('region', { name: /Needs attention/ })
      .getByText('web-01')
      .first()
      .waitFor();
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `problems-fleet-${size}.png`), fullPage: true });
    expect(await overflowOf(page)).toBe(0);
    expect(await overflowingElements('a.tile')).toEqual([]);
    expect(await overflowingElements('.attention')).toEqual([]);
  });

  test('are in the host’s heading when containers are grouped by host', async () => {
    await page.goto(`${dashboard.url}/containers?group=host`);
    await page.getByRole('button', { name: /web-01.*Container list refused/ }).waitFor();
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `problems-groups-${size}.png`), fullPage: true });
    expect(await overflowOf(page)).toBe(0);
    expect(await overflowingElements('.group')).toEqual([]);
  });
});
