import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import {
  describeInChromium,
  openChromium,
  openPage,
  overflowOf,
  startDashboard,
  type Dashboard,
  type PageErrors,
  waitUntilLoaded,
} from '../support/browser.js';
import { findViolations } from '../support/axe.js';
import { runContainer, type FleetHost } from '../support/host.js';

/** The directory of the screenshots, which CI keeps and git ignores. */
const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));

/** The widths of a phone, a tablet, a laptop and a large screen. */
const WIDTHS = [360, 768, 1280, 1920] as const;
const HEIGHT = 900;
/** The widths at which the layouts differ most. Axe is slow, so it checks the pages only at these widths. */
const CHECKED_WIDTHS: readonly number[] = [360, 1280];

const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

interface Ids {
  hostId: string;
  dockerId: string;
}

/** All pages with their paths. The test recognizes each page by its heading. */
const PAGES: Readonly<Record<string, { path: (ids: Ids) => string; heading: string }>> = {
  fleet: { path: () => '/', heading: 'Fleet' },
  hosts: { path: () => '/hosts', heading: 'Hosts' },
  'no such host': { path: () => '/hosts/01a21f53-0000-7000-8000-000000000000', heading: 'Host not found' },
  containers: { path: () => '/containers', heading: 'Containers' },
  'containers by project': { path: () => '/containers?group=project', heading: 'Containers' },
  host: { path: ({ hostId }) => `/hosts/${hostId}`, heading: 'web-01' },
  container: { path: ({ hostId, dockerId }) => `/hosts/${hostId}/containers/${dockerId}`, heading: 'shop-api-1' },
  images: { path: () => '/images', heading: 'Images' },
  ports: { path: () => '/ports', heading: 'Ports' },
  events: { path: () => '/events', heading: 'Events' },
  'add a host': { path: () => '/add-host', heading: 'Add a host' },
  you: { path: () => '/settings/you', heading: 'Settings' },
  members: { path: () => '/settings/members', heading: 'Settings' },
  'enrollment tokens': { path: () => '/settings/enrollment-tokens', heading: 'Settings' },
  'api keys': { path: () => '/settings/api-keys', heading: 'Settings' },
  audit: { path: () => '/settings/audit', heading: 'Settings' },
  'not found': { path: () => '/nowhere', heading: 'Page not found' },
};

describeInChromium('each page', () => {
  let browser: Browser;
  let dashboard: Dashboard;
  let ids: Ids;
  const browserPages = new Map<Theme, { page: Page; errors: PageErrors }>();

  beforeAll(async () => {
    await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
    browser = await openChromium();
    dashboard = await startDashboard();
    const host: FleetHost = await dashboard.addHost('web-01');
    const silentHost: FleetHost = await dashboard.addHost('web-02');
    host.engine.setHealth(runContainer(host, 'shop-api-1', 'registry.example.com/shop/api:41'), 'unhealthy');
    host.engine.die(runContainer(host, 'shop-worker-1'), 137);
    host.engine.pause(runContainer(host, 'shop-cache-1', 'docker.io/library/redis:8.2'));
    runContainer(host, 'shop-web-1');
    runContainer(silentHost, 'shop-web-2');
    ids = await waitForFleet(dashboard);
    await silentHost.agent.stop('SIGKILL');
  });
  afterAll(async () => {
    await browser.close();
    await dashboard.close();
  });

  /** Returns a signed-in browser page, which all tests with this theme share. */
  async function openPageFor(theme: Theme): Promise<{ page: Page; errors: PageErrors }> {
    let opened = browserPages.get(theme);
    if (opened === undefined) {
      const context = await browser.newContext({ colorScheme: theme, reducedMotion: 'reduce' });
      await dashboard.signIn(context);
      opened = await openPage(context);
      browserPages.set(theme, opened);
    }
    return opened;
  }

  test.each(Object.keys(PAGES).flatMap((name) => THEMES.map((theme) => ({ name, theme }))))(
    '$name, $theme, fits every width and has no accessibility or policy violations',
    async ({ name, theme }) => {
      const { path, heading } = PAGES[name]!;
      const { page, errors } = await openPageFor(theme);
      await page.goto(dashboard.url + path(ids));
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: HEIGHT });
        await page.getByRole('heading', { name: heading }).first().waitFor();
        // The layout is complete, and axe can check the data, only after the data has loaded.
        await waitUntilLoaded(page);
        expect([width, await overflowOf(page)]).toEqual([width, 0]);
        const file = `${name.replaceAll(' ', '-')}-${theme}-${width}.png`;
        await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, file) });
        if (CHECKED_WIDTHS.includes(width)) expect([width, await findViolations(page)]).toEqual([width, []]);
      }
      expect(errors.list).toEqual([]);
      // An open page would continue to update during the tests of the other theme.
      await page.goto('about:blank');
    },
  );
});

/** Waits until all hosts have reported their containers, and returns the IDs that the pages' paths need. */
async function waitForFleet({ api }: Dashboard): Promise<Ids> {
  for (;;) {
    const { items } = await api.call('listContainers', { query: { health: 'unhealthy' } });
    const { items: hosts } = await api.call('listHosts');
    const [container] = items;
    if (container !== undefined && hosts.length === 2 && hosts.every(({ containerCount }) => containerCount > 0)) {
      return { hostId: container.hostId, dockerId: container.dockerId };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
