import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { BrowserContext, Page } from 'playwright-core';
import {
  describeInChromium,
  LONG_CADENCE,
  openPage,
  startDashboard,
  type Dashboard,
  useBrowserPage,
  waitUntilLoaded,
} from '../support/browser.js';
import { enrollRawHost, type RawHost } from '../support/host.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));

/** Right-to-left override: without an isolate, the browser draws the rest of the line from right to left. */
const RLO = '\u202e';
/**
 * Pop directional isolate: this character ends an isolate that was started by a control character, but not the isolate
 * of a `bdi` element.
 */
const PDI = '\u2069';

const HOST = `host${RLO}A`;
const DOCKER_ID = 'a'.repeat(64);

const container = (name: string, image: string) => ({
  dockerId: DOCKER_ID,
  name,
  image: `shop/${image}${RLO}repo:1${RLO}tag`,
  imageId: `sha256:${RLO}${'b'.repeat(64)}`,
  command: `run ${RLO}command`,
  state: `odd${RLO}state`,
  status: `Up ${RLO}status`,
  ports: [{ ip: `${RLO}ip`, privatePort: 80, publicPort: 8080, type: 'tcp' }],
  labels: { 'com.docker.compose.project': `project${RLO}A`, [`key${RLO}A`]: `value${PDI}${RLO}A` },
  startedAt: null,
});

describeInChromium('text from outside Muster with characters that change the writing direction', () => {
  const visit = useBrowserPage();
  let dashboard: Dashboard;
  let host: RawHost;
  let page: Page;

  beforeAll(async () => {
    await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
    dashboard = await startDashboard(null, { ...LONG_CADENCE, MUSTER_SIGN_INS_PER_MINUTE: '1000' });
    const withBidiOverride = (name: string): string => `${name}${RLO}A`;
    host = await enrollRawHost(dashboard.muster, {
      name: HOST,
      engine: {
        name: withBidiOverride('engine'),
        version: withBidiOverride('version'),
        apiVersion: withBidiOverride('api'),
      },
      ...{ os: withBidiOverride('os'), arch: withBidiOverride('arch'), agentVersion: withBidiOverride('agent') },
    });
    await host.sync([container(`old${RLO}name`, 'old')]);
    await host.sync([container(`new${RLO}name`, 'new')]);
    await host.beat([{ code: 'snapshot_refused', message: `message ${RLO}A` }]);
    for (const name of [`token${RLO}A`]) {
      await dashboard.api.call('createEnrollmentToken', { body: { name } });
      await dashboard.api.call('createApiKey', { body: { name, role: 'viewer' } });
    }
  });
  afterAll(() => dashboard.close());
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
  });

  const encode = encodeURIComponent;
  const PAGES: [name: string, path: () => string][] = [
    ['fleet', () => '/'],
    ['hosts', () => '/hosts'],
    ['host', () => `/hosts/${host.id}`],
    ['container', () => `/hosts/${host.id}/containers/${DOCKER_ID}`],
    ['containers', () => '/containers?columns=state&columns=host&columns=image&columns=project&columns=status'],
    [
      'filters',
      () =>
        `/containers?q=${encode(RLO)}name&hostId=${host.id}&state=${encode(`odd${RLO}state`)}&label=${encode(`key${RLO}A`)}` +
        `&image=${encode(`shop/new${RLO}repo:1${RLO}tag`)}`,
    ],
    ['projects', () => '/containers?group=project'],
    ['containers by image', () => '/containers?group=image'],
    ['containers by host', () => '/containers?group=host'],
    ['images', () => '/images'],
    ['ports', () => '/ports'],
    ['events', () => `/events?name=${encode(`new${RLO}name`)}`],
    ['all events', () => '/events'],
    ['enrollment tokens', () => '/settings/enrollment-tokens'],
    ['api keys', () => '/settings/api-keys'],
    ['audit', () => '/settings/audit'],
  ];

  test.each(PAGES)('on the page "%s" is isolated from other text', async (name, path) => {
    await page.goto(dashboard.url + path());
    await page.getByText(RLO, { exact: false }).first().waitFor();
    await waitUntilLoaded(page);
    await page.screenshot({
      path: join(SCREENSHOT_DIRECTORY, `hostile-${name.replaceAll(' ', '-')}.png`),
      fullPage: true,
    });
    expect(await directionFaults(page)).toEqual([]);
  });

  test.each([
    ['Rename', 'Rename the host'],
    ['Rotate agent token', `Rotate the token of`],
    ['Delete', 'Delete host'],
  ])('in the dialog "%s" is isolated', async (item, title) => {
    await page.goto(`${dashboard.url}/hosts/${host.id}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: item }).click();
    await page.getByRole('dialog').getByText(title).waitFor();
    expect(await directionFaults(page)).toEqual([]);
  });

  test('in the name of a member is isolated on the members and account pages', async () => {
    const headers = { Origin: dashboard.url };
    const post = async (context: BrowserContext, path: string, data: object): Promise<unknown> => {
      const response = await context.request.post(dashboard.url + path, { headers, data });
      if (!response.ok()) throw new Error(`POST ${path}: ${response.status()} ${await response.text()}`);
      return response.json();
    };
    const invitation = await post(visit.context, '/api/invitations', { email: 'eve@example.org', role: 'viewer' });
    const token = new URL((invitation as { url: string }).url).hash.replace('#token=', '');
    const memberContext = await visit.context.browser()!.newContext();
    try {
      const account = { token, name: `member${RLO}A`, password: 'another long passphrase' };
      await post(memberContext, '/api/invitation-acceptance', account);
      for (const [context, path] of [
        [visit.context, '/settings/members'],
        [memberContext, '/settings/you'],
      ] as const) {
        const { page: memberPage } = await openPage(context);
        await memberPage.goto(dashboard.url + path);
        await memberPage.getByText(RLO, { exact: false }).first().waitFor();
        expect(await directionFaults(memberPage)).toEqual([]);
      }
    } finally {
      await memberContext.close();
    }
  });

  test('in the name of a host does not prevent the deletion of the host', async () => {
    const otherHost = await enrollRawHost(dashboard.muster, { name: `other${RLO}B` });
    await page.goto(`${dashboard.url}/hosts/${otherHost.id}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByLabel(/^Type/).fill('otherB');
    await page.getByRole('button', { name: 'Delete the host' }).click();
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
  });
});

/**
 * Describes the places in a page where characters that change the writing direction have an effect. There are three
 * kinds of faults: such a character in a text outside an isolate, such a character in an attribute (attributes cannot
 * be isolated), and any other text that the browser draws from right to left.
 */
const directionFaults = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
    const faults: string[] = [];
    const escape = (text: string): string => JSON.stringify(text).replaceAll('\u202e', '\\u202e');
    if (MARKS.test(document.title)) faults.push(`title of the page: ${escape(document.title)}`);
    for (const element of document.querySelectorAll('body *')) {
      for (const { name, value } of element.attributes) {
        if (!['href', 'value'].includes(name) && MARKS.test(value)) faults.push(`attribute ${name}: ${escape(value)}`);
      }
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const text = node.nodeValue ?? '';
      if (MARKS.test(text)) {
        if (!node.parentElement?.closest('bdi')) faults.push(`not isolated: ${escape(text)}`);
        continue;
      }
      // The positions of two adjacent letters show the direction of the text.
      const index = text.search(/[A-Za-z]{2}/);
      if (index === -1) continue;
      const boundsOf = (offset: number): DOMRect => {
        const range = document.createRange();
        range.setStart(node, offset);
        range.setEnd(node, offset + 1);
        return range.getBoundingClientRect();
      };
      const [first, second] = [boundsOf(index), boundsOf(index + 1)];
      const areOnOneLine = first.top === second.top && first.width > 0;
      if (areOnOneLine && second.left < first.left) faults.push(`from right to left: ${escape(text)}`);
    }
    return faults;
  });
