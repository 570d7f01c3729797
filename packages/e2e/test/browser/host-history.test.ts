import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { HostAvailability } from '@muster/contracts';
import { createTestDatabase, type TestDatabase } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import type { Page } from 'playwright-core';
import {
  describeLargeFleet,
  LONG_CADENCE,
  overflowOf,
  startDashboard,
  useBrowserPage,
  type Dashboard,
} from '../support/browser.js';
import { enrollRawHost, type RawHost } from '../support/host.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));
const VIEWPORTS = { wide: { width: 1440, height: 900 }, phone: { width: 360, height: 780 } } as const;

describeLargeFleet('the history of a host', () => {
  const visit = useBrowserPage();
  let db: TestDatabase;
  let dashboard: Dashboard;
  let edge: RawHost;
  let page: Page;

  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

  /** Backdates a host's enrollment, and adds an offline period, an engine failure and two upgrades to its history. */
  async function addPast({ id: hostId }: RawHost): Promise<void> {
    const { prisma } = db;
    const { organizationId } = await prisma.host.update({
      where: { id: hostId },
      data: { enrolledAt: hoursAgo(20 * 24), firstSnapshotAt: hoursAgo(20 * 24) },
    });
    const enrolled = { at: hoursAgo(20 * 24), recordedAt: hoursAgo(20 * 24) };
    await prisma.hostEvent.updateMany({ where: { hostId }, data: enrolled });
    const since = hoursAgo(30).toISOString();
    const down = { code: 'engine_unreachable', message: 'connect ECONNREFUSED /run/docker.sock' };
    const events = [
      ['host_stale', 29.99, null, { since }],
      ['host_offline', 29.9, null, { since }],
      ['host_back', 26, { state: 'offline', since }, { silentSeconds: 4 * 3_600 }],
      ['engine_down', 12, null, down],
      ['engine_up', 11, { ...down, since: hoursAgo(12).toISOString() }, null],
      ['agent_upgraded', 9, { version: '0.3.0' }, { version: '0.4.0' }],
    ] as const;
    const [{ tx, id } = { tx: 0n, id: 0n }] = await prisma.hostEvent.findMany({ where: { hostId } });
    await prisma.hostEvent.createMany({
      data: events.map(([kind, hours, from, to], index) => ({
        // Events of the same transaction, after its first event.
        ...{ tx, id: id + BigInt(1_000 + index), hostId, organizationId, kind, at: hoursAgo(hours) },
        ...(from === null ? {} : { from }),
        ...(to === null ? {} : { to }),
        recordedAt: hoursAgo(hours),
      })),
    });
  }

  beforeAll(async () => {
    await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
    db = await createTestDatabase('postgresql');
    dashboard = await startDashboard(db.url, { ...LONG_CADENCE, MUSTER_SIGN_INS_PER_MINUTE: '1000' });
    edge = await enrollRawHost(dashboard.muster, { name: 'edge-berlin-01' });
    const steady = await enrollRawHost(dashboard.muster, { name: 'core-01' });
    await edge.sync([{ dockerId: 'a', name: 'shop-web-1', image: 'shop', state: 'running' }]);
    await steady.sync([]);
    await addPast(edge);
    await db.prisma.serviceOutage.create({ data: { startedAt: hoursAgo(6), endedAt: hoursAgo(5) } });
  });
  afterAll(async () => {
    await dashboard.close();
    await db.close();
  });
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
  });

  const picture = (name: string) =>
    page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `${name}.png`), fullPage: true });

  /** Returns the latest response about the availability of a host that the page has received, by window. */
  function recordAvailability(): ReadonlyMap<string, HostAvailability> {
    const received = new Map<string, HostAvailability>();
    page.on('response', (response) => {
      if (!new URL(response.url()).pathname.endsWith('/availability')) return;
      // The body of a response cannot be read after the page has moved on.
      const record = response.json().then((body) => {
        const availability = HostAvailability.parse(body);
        received.set(availability.window, availability);
      });
      record.catch(() => undefined);
    });
    return received;
  }

  test.each(Object.entries(VIEWPORTS))(
    'is an uptime bar with a percentage and a text for each period, %s',
    async (size, viewport) => {
      await page.setViewportSize(viewport);
      const received = recordAvailability();
      await page.goto(`${dashboard.url}/hosts/${edge.id}`);
      const card = page.getByRole('region', { name: 'Availability' });
      const words = { '24h': '24 hours', '7d': '7 days', '30d': '30 days' } as const;
      for (const window of ['24h', '30d', '7d'] as const) {
        await card.getByRole('button', { name: words[window] }).click();
        await card.getByRole('img', { name: new RegExp(`available in the last ${words[window]}`) }).waitFor();
        await eventually(async () => {
          const { ratio, segments } = received.get(window)!;
          expect(ratio).toBeLessThan(1);
          const shown = await card.getByText(/^[\d.]+ %$/).innerText();
          expect(Math.abs(parseFloat(shown) / 100 - ratio!)).toBeLessThan(0.0002);
          expect(await card.locator('.uptime-part').count()).toBe(segments.length);
        });
      }
      const titles = await card
        .locator('.uptime-part')
        .evaluateAll((parts) => parts.map((part) => part.getAttribute('title')));
      expect(titles.join('\n')).toMatch(/^Offline from .* to .* \(4 h\)$/m);
      expect(titles.join('\n')).toMatch(/^Engine down from .* to .* \((59 min|1 h|60 min)\)$/m);
      expect(titles.join('\n')).toMatch(/^Unknown: Muster was down from .* to .* \(\w+ \w+\)$/m);
      await card.getByText('Periods in which the host was not known to be online').click();
      await card
        .getByRole('listitem')
        .filter({ hasText: /^Offline from .* \(4 h\)$/ })
        .waitFor();
      expect(await overflowOf(page)).toBe(0);
      await picture(`availability-host-${size}`);
      await page.emulateMedia({ colorScheme: 'dark' });
      await picture(`availability-host-${size}-dark`);
    },
  );

  test.each(Object.entries(VIEWPORTS))(
    'puts the host in the list of the lowest availability, %s',
    async (size, viewport) => {
      await page.setViewportSize(viewport);
      await page.goto(`${dashboard.url}/hosts`);
      const worst = page.getByRole('region', { name: 'Lowest availability' });
      await worst.getByText('Lowest availability').click();
      await worst.getByRole('button', { name: '30 days' }).click();
      const link = worst.getByRole('link', { name: /edge-berlin-01 [\d.]+ %/ });
      await link.waitFor();
      expect(await worst.getByRole('link').count()).toBe(1);
      expect(await overflowOf(page)).toBe(0);
      await picture(`availability-hosts-${size}`);
      await link.click();
      await page.getByRole('region', { name: 'Availability' }).waitFor();
    },
  );

  test('is a list of events that grows without a reload and is also on the Events page', async () => {
    await page.goto(`${dashboard.url}/hosts/${edge.id}`);
    const events = page.getByRole('region', { name: 'Host events' });
    for (const words of [/^Offline since /, 'Back after 4 h', 'Engine down', 'Agent upgraded', 'Enrolled']) {
      await events.getByText(words).first().waitFor();
    }
    await dashboard.api.call('updateHost', { params: { hostId: edge.id }, body: { labels: { env: 'prod' } } });
    await events.getByText('Labels changed').waitFor();
    await events.getByText('env=prod').waitFor();
    await picture('host-events');
    await events.getByRole('link', { name: 'All host events' }).click();
    await page.waitForURL(/subject=host/);
    await page.getByText('Back after 4 h').waitFor();
    await page.getByRole('navigation', { name: 'Events of' }).getByRole('link', { name: 'Containers' }).click();
    await page.getByRole('link', { name: 'shop-web-1' }).first().waitFor();
    expect(await overflowOf(page)).toBe(0);
  });
});
