import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DISPLAY_NAME_LENGTH_MAX } from '@muster/contracts';
import { createTestDatabase, type TestDatabase } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import type { Browser, BrowserContext, Locator, Page, Request } from 'playwright-core';
import { findViolations } from '../support/axe.js';
import {
  countTraffic,
  describeLargeFleet,
  openChromium,
  openPage,
  overflowOf,
  startDashboard,
  type Dashboard,
  type PageErrors,
  waitUntilLoaded,
} from '../support/browser.js';
import { changeContainers, countStates, failContainers } from '../support/churn.js';
import { seedFleet } from '../support/seed-fleet.js';

const HOSTS = 500;

/** Maximum traffic of an idle fleet page while `CHANGES_PER_MINUTE` containers change in a minute. */
const TRAFFIC_BYTES_PER_MINUTE_MAX = 200_000;
/** Number of containers that change in a minute: 2 % of the 50 containers of each host. */
const CHANGES_PER_MINUTE = 500;
/** How long the traffic is measured. */
const TRAFFIC_SECONDS = 20;

/**
 * A host name that does not exist outside this test. The browser resolves it to this machine, but does not treat its
 * origin as secure.
 */
const INSECURE_HOST = 'muster.test';

const LONG_NAME = 'x'.repeat(DISPLAY_NAME_LENGTH_MAX);

describeLargeFleet('a fleet of 500 hosts', () => {
  let db: TestDatabase;
  let browser: Browser | undefined;
  let dashboard: Dashboard | undefined;
  let context: BrowserContext;
  let page: Page;
  let errors: PageErrors;

  beforeAll(async () => {
    db = await createTestDatabase('postgresql');
    dashboard = await startDashboard(db.url, { MUSTER_SIGN_INS_PER_MINUTE: '1000' });
    await seedFleet(db, HOSTS, 2);
    await changeHosts(db);
    browser = await openChromium([`--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`]);
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    context.setDefaultTimeout(60_000);
    await dashboard.signIn(context);
    ({ page, errors } = await openPage(context));
  });
  afterAll(async () => {
    expect(errors.list).toEqual([]);
    await browser?.close();
    await dashboard?.close();
    await db.close();
  });

  const open = (path: string) => page.goto(dashboard!.url + path);
  const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });
  const hostRows = () => page.getByRole('table', { name: 'Hosts' }).locator('[data-index]');
  const rowNames = () => hostRows().locator('.row-name').allInnerTexts();
  const countOf = async (link: Locator): Promise<number> =>
    Number(/^[\d,]+/.exec(await link.innerText())![0].replaceAll(',', ''));

  test('has a fleet page on which each number is a link to a list with that many entries', async () => {
    await open('/');
    const links = page.getByRole('region', { name: 'Fleet summary' }).getByRole('link');
    await page.getByRole('link', { name: /^1\s*possible clone$/ }).waitFor();
    const names = await links.allInnerTexts();
    const shown = names.join(' ').replace(/\s+/g, ' ');
    const hostParts = ['500 hosts', '1 offline', '1 engine down', '1 left', '1 possible clone', '2 clock skew'];
    for (const part of [...hostParts, '1 dead', '2 exited', '1 unhealthy']) {
      expect(shown).toContain(part);
    }
    for (let index = 0; index < names.length; index += 1) {
      const count = await countOf(links.nth(index));
      await links.nth(index).click();
      const list = page.getByRole('status').filter({ hasText: /\d (hosts?|containers?)/ });
      await list.filter({ hasText: new RegExp(`^${count.toLocaleString('en')}\\+? `) }).waitFor();
      await page.goBack();
      await heading('Fleet').waitFor();
      await links.first().waitFor();
    }
    await open('/?freshness=offline');
    await page.getByRole('link', { name: 'zurich-edge-01' }).waitFor();
    await page.waitForURL((url) => url.pathname === '/hosts');
  });

  test('has a list of problems in which each row is a link to its hosts or containers', async () => {
    await open('/');
    const links = page.getByRole('region', { name: 'Needs attention' }).getByRole('link');
    await links.first().waitFor();
    const targets: string[] = [];
    for (let index = 0; index < (await links.count()); index += 1) {
      const name = await links.nth(index).locator('strong').innerText();
      const text = (await links.nth(index).innerText()).replace(/\s+/g, ' ');
      await links.nth(index).click();
      await page.waitForURL((url) => url.pathname !== '/');
      const { pathname, search } = new URL(page.url());
      if (search === '') await heading(name).waitFor();
      else await page.getByText(/\d+ (?:hosts|containers)/.exec(text)![0], { exact: true }).waitFor();
      targets.push(`${pathname.replace(/[0-9a-f-]{32,}/g, 'ID')} ${name}`);
      await page.goBack();
      await heading('Fleet').waitFor();
      await links.first().waitFor();
    }
    expect(targets).toEqual([
      '/hosts/ID zurich-edge-02',
      '/hosts/ID zurich-edge-01',
      '/hosts/ID zurich-web-01',
      '/hosts 2 hosts',
      '/hosts/ID/containers/ID app-8-2',
      '/hosts/ID/containers/ID app-9-2',
      '/containers registry.example.com/app:1',
    ]);
  });

  test('has a map of hosts that can be used with the keyboard and has no accessibility violations', async () => {
    await open('/');
    const map = page.getByRole('listbox', { name: /^Map of 500 hosts/ });
    await map.focus();
    await page.keyboard.press('End');
    const option = map.getByRole('option');
    const isNamed = (name: string) =>
      eventually(async () => expect(await option.getAttribute('aria-label')).toBe(name));
    await isNamed('zurich-web-01: online, severe problem');
    await page.keyboard.press('ArrowLeft');
    await isNamed('zurich-edge-02: engine down');
    expect(await findViolations(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await heading('zurich-edge-02').waitFor();
  });

  test('has a table of all hosts that can be scrolled to its end, filtered and sorted', async () => {
    await open('/hosts');
    await page.getByText('500 hosts', { exact: true }).waitFor();
    expect(await page.getByRole('table', { name: 'Hosts' }).getAttribute('aria-rowcount')).toBe('501');
    const scroller = page.getByRole('region', { name: 'Hosts' });
    for (let step = 0; step < 600 && !(await rowNames()).includes('zurich-web-01'); step += 1) {
      await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      await page.waitForTimeout(100);
    }
    expect((await rowNames()).at(-1)).toBe('zurich-web-01');
    expect(await hostRows().count()).toBeLessThan(80);

    // Versions are compared number by number, so 29.10.1 is higher than 29.9.0.
    await page.getByRole('button', { name: 'Engine' }).click();
    await page.getByRole('button', { name: 'Engine' }).click();
    await page.waitForURL(/sort=-engine/);
    await hostRows().filter({ hasText: '29.10.1' }).waitFor();
    await eventually(async () => expect((await rowNames()).slice(0, 2)).toEqual(['zurich-edge-02', 'zurich-web-01']));

    // The links in a row add a filter, and the browser's Back button removes it. The address of a link contains all
    // filters, so that the link can also be opened in another tab.
    const engineLink = hostRows()
      .first()
      .getByTitle(/show only hosts with Docker/);
    await engineLink.click();
    await page.getByRole('button', { name: /^Remove filter Engine/ }).waitFor();
    await page.waitForURL((url) => url.search === '?sort=-engine&engine=Docker');
    const versionLink = hostRows()
      .first()
      .getByTitle(/^Show only hosts with agent/);
    expect(await versionLink.getAttribute('href')).toBe('/hosts?sort=-engine&engine=Docker&agentVersion=0.1.0');
    await versionLink.click({ modifiers: ['Control'] });
    await page.goBack();
    await page.waitForURL((url) => url.search === '?sort=-engine');

    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('menuitemcheckbox', { name: '0.1.0', exact: true }).click();
    await page.waitForURL(/agentVersion=0\.1\.0/);
    await page.getByRole('menuitemcheckbox', { name: 'Possible clone' }).click();
    await page.keyboard.press('Escape');
    await page.getByText('1 host', { exact: true }).waitFor();
    await page.reload();
    await page.getByText('1 host', { exact: true }).waitFor();
    expect(await rowNames()).toEqual(['zurich-web-01']);
    await page.getByRole('button', { name: 'Remove filter Problem: Possible clone' }).click();
    await page.getByRole('searchbox', { name: 'Filter by name or ID' }).fill('zurich');
    await page.getByText('3 hosts', { exact: true }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await heading('zurich-web-01').waitFor();
  });

  test('shows the age of last known states in tables without cutting it off', async () => {
    const isCutOff = (element: Element): boolean => element.scrollWidth > element.clientWidth;
    for (const path of [
      '/hosts?freshness=engine_down',
      '/hosts?freshness=offline',
      '/containers?hostFreshness=offline',
    ]) {
      await open(path);
      const age = page
        .getByRole('cell')
        .filter({ hasText: /as of / })
        .first();
      await age.waitFor();
      expect({ path, isCutOff: await age.evaluate(isCutOff) }).toEqual({ path, isCutOff: false });
    }
    await page.getByRole('link', { name: 'zurich-edge-01' }).first().click();
    const state = page.getByRole('cell', { name: /^running \(last known\) as of 20 h ago$/ }).first();
    await state.waitFor();
    expect(await state.evaluate(isCutOff)).toBe(false);
  });

  test('lets a user delete selected hosts after confirmation, and records each deletion in the audit log', async () => {
    await open('/hosts?q=host-49');
    await page.getByText('11 hosts', { exact: true }).waitFor();
    await page.getByRole('checkbox', { name: 'Select host-491', exact: true }).click();
    await page.getByRole('checkbox', { name: 'Select host-493', exact: true }).click({ modifiers: ['Shift'] });
    await page.getByText('3 selected', { exact: false }).waitFor();
    await page.getByRole('button', { name: 'Delete…' }).click();
    const dialog = page.getByRole('dialog');
    const listed = await dialog.getByRole('list', { name: 'Hosts to delete' }).getByRole('listitem').allInnerTexts();
    expect(listed.map((text) => text.split('\n')[0])).toEqual(['host-491', 'host-492', 'host-493']);
    await dialog.getByText('6 containers', { exact: false }).waitFor();
    await dialog.getByLabel(/^Type 3 hosts/).fill('3 hosts');
    await dialog.getByRole('button', { name: 'Delete 3 hosts' }).click();
    await page.getByText('8 hosts', { exact: true }).waitFor();
    expect(await rowNames()).not.toContain('host-492');
    const { items } = await dashboard!.api.call('listAuditEntries');
    const deletions = items.filter(({ action }) => action === 'host.deleted').map(({ details }) => details['name']);
    expect(deletions.sort()).toEqual(['host-491', 'host-492', 'host-493']);
    await open('/hosts');
    await page.getByText('497 hosts', { exact: true }).waitFor();
  });

  test('can be searched by name from any page with the keyboard, even from the page of an unknown host', async () => {
    await open('/hosts/01a21f53-0000-7000-8000-000000000000');
    await heading('Host not found').waitFor();
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    await page.getByRole('main').getByRole('button', { name: 'Search' }).click();
    await page.keyboard.type('zurich');
    const options = page.getByRole('option');
    await options.filter({ hasText: 'zurich-edge-02' }).waitFor();
    expect(await findViolations(page)).toEqual([]);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await heading('zurich-edge-02').waitFor();

    await page.keyboard.press('/');
    await page.keyboard.type('app:1');
    const groups = page.getByRole('listbox').getByRole('group');
    await page
      .getByRole('option', { name: /registry\.example\.com\/app ?:1 / })
      .first()
      .waitFor();
    await eventually(async () =>
      expect(await groups.evaluateAll((elements) => elements.map((group) => group.getAttribute('aria-label')))).toEqual(
        ['Containers', 'Images'],
      ),
    );
    await page.getByRole('option', { name: 'All matching containers' }).click();
    await page.waitForURL(/\/containers\?q=app%3A1$/);
  });

  test.each(['/containers', '/events'])('offers hosts by name in the host filter of %s', async (path) => {
    await open(path);
    await page.getByRole('button', { name: 'Host', exact: true }).click();
    await page.keyboard.type('zurich-web');
    await page.getByRole('option', { name: /zurich-web-01/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove filter Host: zurich-web-01' }).waitFor();
    await page.waitForURL((url) => url.searchParams.getAll('hostId').length === 1);
    await page.getByRole('button', { name: 'Remove filter Host: zurich-web-01' }).click();
    await page.waitForURL((url) => !url.searchParams.has('hostId'));
  });

  test('wraps long names on each page, so that no page is wider than a phone', async () => {
    const [host] = (await dashboard!.api.call('listHosts', { query: { q: 'host-12' } })).items;
    await dashboard!.api.call('updateHost', { params: { hostId: host!.id }, body: { name: LONG_NAME } });
    await db.prisma
      .$executeRaw`UPDATE containers SET image = ${`registry.example.com/${LONG_NAME}:1`}, name = ${LONG_NAME}
      WHERE "hostId" = ${host!.id}::uuid AND name LIKE '%-1'`;
    const [container] = (await dashboard!.api.call('listContainers', { query: { hostId: host!.id } })).items;
    await page.setViewportSize({ width: 360, height: 800 });
    const paths = [
      '/',
      `/hosts?q=${LONG_NAME}`,
      `/hosts/${host!.id}`,
      `/hosts/${host!.id}/containers/${container!.dockerId}`,
      `/containers?hostId=${host!.id}`,
      '/containers?group=host',
      `/images?q=${LONG_NAME}`,
      '/settings/audit',
    ];
    for (const path of paths) {
      await open(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await waitUntilLoaded(page);
      expect([path, await overflowOf(page)]).toEqual([path, 0]);
    }
    await open(`/hosts/${host!.id}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('has pages that fit every width and have no accessibility violations', async () => {
    const [host] = (await dashboard!.api.call('listHosts', { query: { q: 'zurich-web-01' } })).items;
    for (const path of ['/', '/hosts', `/hosts/${host!.id}`, '/containers', '/images', '/events']) {
      await open(path);
      for (const width of [768, 1280, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        await page.getByRole('heading', { level: 1 }).waitFor();
        await waitUntilLoaded(page);
        expect([path, width, await overflowOf(page)]).toEqual([path, width, 0]);
      }
      expect([path, await findViolations(page)]).toEqual([path, []]);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test.each([
    ['a secure origin, with Web Locks', (url: string) => url],
    ['plain HTTP, without Web Locks', (url: string) => url.replace('127.0.0.1', INSECURE_HOST)],
  ])('works in twelve tabs that share one live stream on %s', async (_origin, toUrl) => {
    const url = toUrl(dashboard!.url);
    const tabs = await browser!.newContext();
    try {
      const cookies = await context.cookies();
      await tabs.addCookies(cookies.map((cookie) => ({ ...cookie, domain: new URL(url).hostname })));
      let streams = 0;
      const unfinished = new Map<Request, Page>();
      tabs.on('request', (sent) => {
        if (new URL(sent.url()).pathname !== '/api/stream') return;
        streams += 1;
        unfinished.set(sent, sent.frame().page());
      });
      tabs.on('requestfailed', (sent) => unfinished.delete(sent));
      const openStreams = () => [...unfinished.values()].filter((tab) => !tab.isClosed()).length;
      const pages: Page[] = [];
      for (let tab = 0; tab < 12; tab += 1) {
        const opened = await tabs.newPage();
        await opened.goto(`${url}/hosts?q=zurich`);
        await opened.getByRole('link', { name: 'zurich-web-01' }).waitFor();
        await opened.getByText('Live', { exact: true }).waitFor();
        pages.push(opened);
      }
      expect(await pages[0]!.evaluate(() => isSecureContext)).toBe(url === dashboard!.url);
      expect(streams).toBe(1);
      await pages[11]!.getByRole('link', { name: 'zurich-web-01' }).click();
      await pages[11]!.getByRole('heading', { level: 1, name: 'zurich-web-01' }).waitFor();

      // Another tab takes over the stream, and changes still reach all tabs.
      await pages[0]!.close();
      const [host] = (await dashboard!.api.call('listHosts', { query: { q: 'zurich-edge-02' } })).items;
      const params = { hostId: host!.id };
      await dashboard!.api.call('updateHost', { params, body: { name: 'zurich-renamed' } });
      for (const other of pages.slice(1, 11)) {
        await other.getByRole('link', { name: 'zurich-renamed' }).waitFor();
        await other.getByText('Live', { exact: true }).waitFor();
      }
      // On a busy device, several tabs may open a stream at first. All tabs except one then close their streams.
      await eventually(() => expect(openStreams()).toBe(1));
      expect(streams).toBeGreaterThan(1);
      await dashboard!.api.call('updateHost', { params, body: { name: 'zurich-edge-02' } });
    } finally {
      await tabs.close();
    }
  });

  test.each([
    ['content', true],
    ['headers and content', false],
  ])(
    'is polled and not shown as live behind a proxy that buffers the %s of the stream',
    async (_what, sendsHeaders) => {
      const proxy = await startBufferingProxy(dashboard!.url, sendsHeaders);
      const proxyContext = await browser!.newContext();
      try {
        await proxyContext.addCookies(await context.cookies());
        const { page: proxiedPage } = await openPage(proxyContext);
        const { port } = proxy.address() as AddressInfo;
        await proxiedPage.goto(`http://127.0.0.1:${port}/hosts?q=zurich`);
        await proxiedPage.getByRole('link', { name: 'zurich-edge-01' }).waitFor();
        const openedAt = Date.now();
        expect(await proxiedPage.getByText('Live', { exact: true }).count()).toBe(0);
        const [host] = (await dashboard!.api.call('listHosts', { query: { q: 'zurich-edge-01' } })).items;
        await dashboard!.api.call('updateHost', { params: { hostId: host!.id }, body: { name: 'zurich-polled' } });
        await proxiedPage.getByText('Not live', { exact: false }).waitFor();
        await proxiedPage.getByRole('link', { name: 'zurich-polled' }).waitFor();
        expect(Date.now() - openedAt).toBeLessThan(20_000);
        expect(await proxiedPage.getByText('Live', { exact: true }).count()).toBe(0);
        await dashboard!.api.call('updateHost', { params: { hostId: host!.id }, body: { name: 'zurich-edge-01' } });
      } finally {
        await proxyContext.close();
        proxy.closeAllConnections();
        await new Promise((resolve) => proxy.close(resolve));
      }
    },
  );

  test('causes less than 200 kB of traffic a minute on an idle page while 2 % of its containers change', async () => {
    await failContainers(db);
    const idle = await browser!.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    try {
      await idle.addCookies(await context.cookies());
      const { page: idlePage, errors: idleErrors } = await openPage(idle);
      const traffic = await countTraffic(idlePage);
      await idlePage.goto(dashboard!.url);
      await idlePage.getByRole('listbox', { name: /^Map of/ }).waitFor();
      await idlePage.getByText('Live', { exact: true }).waitFor();
      await changeContainers(db, 1);
      const changes = idlePage.getByRole('region', { name: 'Recent changes' }).getByRole('listitem');
      await changes.first().waitFor();
      traffic.takeBytes();
      const startedAt = Date.now();
      for (let second = 0; second < TRAFFIC_SECONDS; second += 1) {
        await changeContainers(db, Math.ceil(CHANGES_PER_MINUTE / 60));
        await idlePage.waitForTimeout(1_000);
      }
      const minutes = (Date.now() - startedAt) / 60_000;
      const bytesByPath = traffic.takeBytes();
      const bytes = Object.values(bytesByPath).reduce((sum, ofPath) => sum + ofPath, 0);
      process.stderr.write(
        `an idle fleet page received ${Math.round(bytes / minutes / 1_000)} kB a minute: ${JSON.stringify(bytesByPath)}\n`,
      );
      expect(bytesByPath['/api/stream']).toBeGreaterThan(0);
      expect(bytes / minutes).toBeLessThan(TRAFFIC_BYTES_PER_MINUTE_MAX);

      // The page shows the newest change, which came from the stream and not from a new request of the list.
      const [newest] = (await dashboard!.api.call('listEvents', { query: { limit: 1 } })).items;
      await changes.first().getByRole('link', { name: newest!.name }).waitFor();
      expect(idleErrors.list).toEqual([]);
    } finally {
      await idle.close();
    }
  });
});

/**
 * Gives some hosts and containers problems. Most of these hosts get names that sort last, so that the first page of a
 * list does not contain them.
 */
async function changeHosts(db: TestDatabase): Promise<void> {
  const { prisma } = db;
  await prisma.$executeRaw`UPDATE hosts SET name = 'zurich-edge-01', "heartbeatSeconds" = 10,
    "lastSeenAt" = now() - interval '20 hours', "confirmedAt" = now() - interval '20 hours' WHERE name = 'host-3'`;
  await prisma.$executeRaw`UPDATE hosts SET name = 'zurich-edge-02', "engineError" = 'no such socket',
    "engineVersion" = '29.10.1' WHERE name = 'host-4'`;
  await prisma.$executeRaw`UPDATE hosts SET name = 'zurich-web-01', "engineVersion" = '29.9.0',
    "cloneSuspectedAt" = now(), "cloneSuspectedSince" = now() - interval '2 hours' WHERE name = 'host-5'`;
  await prisma.$executeRaw`UPDATE hosts SET "leftAt" = now() WHERE name = 'host-6'`;
  const clockSkew = [{ code: 'clock_skew', message: 'The clock is wrong.', since: '2026-11-01T00:00:00.000Z' }];
  await prisma.host.updateMany({ where: { name: { in: ['host-7', 'host-10'] } }, data: { agentProblems: clockSkew } });
  await prisma.container.updateMany({ where: { name: 'app-8-2' }, data: { health: 'unhealthy' } });
  await prisma.container.updateMany({ where: { name: 'app-9-2' }, data: { state: 'dead' } });
  const failed = { state: 'exited', exitCode: 1 };
  await prisma.container.updateMany({ where: { name: { in: ['app-8-1', 'app-9-1'] } }, data: failed });
  await countStates(db.prisma);
}

/**
 * Starts a proxy that never sends the content of an event stream. Unless `sendsHeaders` is true, it does not send the
 * headers of the stream either. It forwards everything else.
 */
async function startBufferingProxy(target: string, sendsHeaders: boolean): Promise<Server> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const upstream = request({ hostname, port, method, path: url, headers }, (answer) => {
      // Without a body, the headers are sent only when they are flushed.
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (answer.headers['content-type']?.includes('text/event-stream') === true) {
        if (sendsHeaders) outgoing.flushHeaders();
        answer.resume();
      } else answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
