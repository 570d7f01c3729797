import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { ContainerInput } from '@muster/contracts';
import type { Page } from 'playwright-core';
import { findViolations } from '../support/axe.js';
import {
  describeInChromium,
  LONG_CADENCE,
  overflowOf,
  startDashboard,
  type Dashboard,
  useBrowserPage,
  waitUntil,
} from '../support/browser.js';
import { enrollRawHost, type RawHost } from '../support/host.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));

const visit = useBrowserPage();
let dashboard: Dashboard;
let page: Page;
const hosts: { host: RawHost; containers: ContainerInput[] }[] = [];

const hash = (text: string) => `sha256:${Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)}`;
const container = (name: string, image: string, imageId: string, imageDigest?: string): ContainerInput => ({
  ...{ dockerId: name, name, image, imageId, state: 'running', status: 'Up 2 hours', exit: null },
  ...(imageDigest === undefined ? {} : { imageDigest }),
});

const WEB = 'registry.example.com:5000/shop/web:41';
const [OLD, NEW] = [hash('web-old'), hash('web-new')];
const NAMELESS = hash('nameless');

beforeAll(async () => {
  await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
  dashboard = await startDashboard(null, LONG_CADENCE);
  const db = container('shop-db-1', 'postgres:18', hash('db'), hash('db-digest'));
  const cache = container('shop-cache-1', 'postgres:17', hash('db17'), hash('db17-digest'));
  const fleet = {
    'web-01': [container('shop-web-1', WEB, hash('a'), NEW), db, container('old-tool', NAMELESS, NAMELESS)],
    'web-02': [container('shop-web-1', WEB, hash('a'), NEW), cache, container('demo', 'demo:1', hash('demo-2'))],
    'web-03': [
      container('shop-web-1', WEB, hash('b'), OLD),
      container('demo', 'demo:1', hash('demo-3')),
      ...Array.from({ length: 500 }, (_, index) =>
        container(`many-${index}`, `many/app-${String(index).padStart(3, '0')}:1`, hash(`many-${index}`)),
      ),
    ],
  };
  for (const [name, containers] of Object.entries(fleet)) {
    hosts.push({ host: await enrollRawHost(dashboard.muster, { name }), containers });
  }
});
afterAll(() => dashboard.close());

describeInChromium('images', () => {
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
    for (const { host, containers } of hosts) await host.sync(containers);
  });

  test('are grouped by repository, with links to the hosts and containers of each build', async () => {
    await page.goto(`${dashboard.url}/images?q=web`);
    await page.getByRole('link', { name: '2 builds on 3 hosts' }).click();
    await page.getByRole('heading', { name: WEB }).waitFor();
    const current = page.getByRole('region', { name: /^Build 1, digest/ });
    const earlier = page.getByRole('region', { name: /^Build 2, digest/ });
    await earlier.getByRole('row').first().waitFor();
    expect(await current.getByRole('row').allTextContents()).toEqual([
      'HostContainersRunning',
      'web-01 11',
      'web-02 11',
    ]);
    expect(await earlier.getByRole('row').allTextContents()).toEqual(['HostContainersRunning', 'web-03 11']);
    await page.setViewportSize({ width: 1280, height: 720 });
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'image-builds.png') });
    expect(await findViolations(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await overflowOf(page)).toBe(0);
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'image-builds-phone.png') });
    expect(await findViolations(page)).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 720 });
    await earlier.getByRole('link', { name: '1 container' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'shop-web-1' }).waitFor();
    expect(await page.getByRole('link', { name: 'shop-web-1' }).count()).toBe(1);
    await page.getByRole('link', { name: 'shop-web-1' }).click();
    await page.getByRole('region', { name: 'Details' }).getByText('Image digest').waitFor();
  });

  test('without digests are not called different builds, and images without a name are shown by id', async () => {
    await page.goto(`${dashboard.url}/images?q=demo`);
    await page.getByRole('link', { name: '1 to 2 builds on 2 hosts' }).click();
    await page.getByText('It is unknown whether these are different builds').first().waitFor();
    const shortId = NAMELESS.slice(7, 19);
    for (const path of ['/images?q=sha256', '/containers?q=old-tool']) {
      await page.goto(dashboard.url + path);
      await page.getByText(`<none> (${shortId})`).first().waitFor();
    }
    await page.getByRole('link', { name: 'old-tool' }).click();
    await page.getByRole('region', { name: 'Details' }).getByText(`<none> (${shortId})`).first().waitFor();
  });

  test('fit the window of a phone even if there are more than 500', async () => {
    await page.goto(`${dashboard.url}/images`);
    const last = page.getByRole('rowheader', { name: 'registry.example.com:5000/shop/web' });
    const more = page.getByRole('button', { name: /more/i });
    for (let pages = 0; pages < 20 && (await last.count()) === 0; pages++) {
      const shown = await page.getByRole('row').count();
      // The button is disabled while the next page loads. The next page also loads when the button becomes visible.
      await more.dispatchEvent('click', {}, { timeout: 2_000 }).catch(() => undefined);
      await waitUntil(page, (rows) => document.querySelectorAll('tr').length > rows, { arg: shown });
    }
    await last.scrollIntoViewIfNeeded();
    expect(await page.getByRole('rowheader').count()).toBeGreaterThan(500);
    await page.setViewportSize({ width: 1280, height: 800 });
    await last.scrollIntoViewIfNeeded();
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'images-many.png') });
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await overflowOf(page)).toBe(0);
    // This report does not contain the 500 images, so that the picture shows all kinds of rows.
    for (const { host, containers } of hosts)
      await host.sync(containers.filter(({ name }) => !name.startsWith('many-')));
    await page.goto(`${dashboard.url}/images`);
    await page.getByRole('link', { name: '2 builds on 3 hosts' }).waitFor();
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'images-phone.png') });
    expect(await findViolations(page)).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 640 });
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'images.png') });
    expect(await findViolations(page)).toEqual([]);
  });
});
