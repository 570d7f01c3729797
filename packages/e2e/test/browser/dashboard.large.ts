/**
 * Measures the dashboard with fleets of three sizes, and checks the limits that users notice. Prints the figures as a
 * table. With `MUSTER_TEST_REPORT_DIR`, it also writes the table and pictures to that directory.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@muster/db/testing';
import { mainOf, startProgram, type Program } from '@muster/testkit';
import { formatBytes, formatMs, formatNumber, markdownTable, median } from '@muster/testkit/report';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import {
  countTraffic,
  describeLargeFleet,
  openChromium,
  openPage,
  pageTasksOf,
  startDashboard,
  type Dashboard,
} from '../support/browser.js';
import { seedFleet } from '../support/seed-fleet.js';

const REPORT_DIRECTORY = process.env['MUSTER_TEST_REPORT_DIR'];

const CONTAINERS_PER_HOST = 20;
/** Share of a host's containers that change in a minute. */
const CHURN_PER_MINUTE = 0.02;
/** The snapshot interval that the API requests. */
const SNAPSHOT_SECONDS = 60;

/** How often each page is opened. The figure is the median of all openings. */
const OPENINGS = 7;

const MINUTE_MS = 60_000;

/** Maximum CPU time of a task, in milliseconds. Users notice longer tasks as lag. */
const TASK_MS_MAX = 50;
/** Maximum traffic of an idle fleet page at 500 hosts, in bytes per minute. */
const TRAFFIC_MAX = 200_000;
/** Maximum time until the first host appears, as a multiple of the time until a page without hosts appears. */
const FIRST_HOST_RATIO_MAX = 1.5;

/** The figures of one page with one fleet. */
interface Figures {
  fleet: string;
  page: string;
  firstHostMs: number;
  emptyPageMs: number;
  bytesPerMinute: number;
  longestTaskMs: number;
  heapBytes: number;
}
const measured: Figures[] = [];

const PAGES = [
  { name: 'fleet', path: '/', firstHost: (page: Page) => page.locator('.tile, .map-cells').first() },
  { name: 'hosts', path: '/hosts', firstHost: (page: Page) => page.locator('[data-index]').first() },
];

afterAll(async () => {
  if (measured.length === 0) return;
  const table = markdownTable({
    columns: ['fleet', 'page', 'first host', 'page without hosts', 'traffic per minute', 'longest task', 'memory'],
    rows: measured.map((figures) => [
      figures.fleet,
      figures.page,
      formatMs(figures.firstHostMs),
      formatMs(figures.emptyPageMs),
      formatBytes(figures.bytesPerMinute),
      formatMs(figures.longestTaskMs),
      formatBytes(figures.heapBytes),
    ]),
  });
  process.stderr.write(`${table}\n`);
  if (REPORT_DIRECTORY !== undefined) await writeFile(join(REPORT_DIRECTORY, 'dashboard.md'), `${table}\n`);
});

describeLargeFleet.each([
  { hosts: 5, live: 5 },
  { hosts: 500, live: 500 },
  { hosts: 10_000, live: 200 },
])('$hosts hosts, of which $live report', ({ hosts, live }) => {
  let databases: TestDatabase[] = [];
  let browser: Browser | undefined;
  let simulator: Program | undefined;
  /** A dashboard without hosts, for comparison. */
  let empty: Dashboard | undefined;
  let dashboard: Dashboard | undefined;

  beforeAll(async () => {
    const cadence = { MUSTER_HEARTBEAT_SECONDS: '10', MUSTER_SNAPSHOT_SECONDS: String(SNAPSHOT_SECONDS) };
    databases = [await createTestDatabase('postgresql'), await createTestDatabase('postgresql')];
    empty = await startDashboard(databases[0]!.url);
    dashboard = await startDashboard(databases[1]!.url, cadence);
    await seedFleet(databases[1]!, hosts - live, CONTAINERS_PER_HOST);
    simulator = simulate(dashboard, live, `--churn ${CHURN_PER_MINUTE} --containers ${CONTAINERS_PER_HOST} --faults 0`);
    browser = await openChromium();
    await waitForReports(dashboard, hosts);
  });
  afterAll(async () => {
    await simulator?.stop('SIGKILL');
    await browser?.close();
    await empty?.close();
    await dashboard?.close();
    for (const database of databases) await database.close();
  });

  test.each(PAGES)('meet the limits of the $name page', async ({ name, path, firstHost }) => {
    const { page, context } = await openSignedIn(browser!, dashboard!);
    const { page: emptyPage, context: emptyContext } = await openSignedIn(browser!, empty!);
    const firstHostMs: number[] = [];
    const emptyPageMs: number[] = [];
    for (let opening = 0; opening < OPENINGS; opening += 1) {
      emptyPageMs.push(
        await timeOf(emptyPage, `${empty!.url}/hosts`, () => emptyPage.getByText('No hosts yet').waitFor()),
      );
      firstHostMs.push(await timeOf(page, dashboard!.url + path, () => firstHost(page).waitFor()));
    }
    await emptyContext.close();

    await page.getByText('Live', { exact: true }).waitFor();
    await takePictures(page, `${name}-${hosts}`);
    const session = await context.newCDPSession(page);
    const traffic = await countTraffic(page);
    // The stream was opened before the measurement of the traffic began.
    await page.reload();
    await firstHost(page).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    let bytesByPath: Record<string, number> = {};
    const tasks = await pageTasksOf(browser!, async () => {
      traffic.takeBytes();
      await page.waitForTimeout(MINUTE_MS);
      bytesByPath = traffic.takeBytes();
      if (name === 'hosts') await scrollTo(page, 'Hosts', hosts - 1);
    });
    await session.send('HeapProfiler.collectGarbage');
    await session.send('Performance.enable');
    const { metrics } = await session.send('Performance.getMetrics');
    const heapBytes = metrics.find((metric) => metric.name === 'JSHeapUsedSize')!.value;
    const figures: Figures = {
      fleet: hosts === live ? formatNumber(hosts) : `${formatNumber(hosts)}, of which ${live} report`,
      page: name,
      firstHostMs: median(firstHostMs),
      emptyPageMs: median(emptyPageMs),
      bytesPerMinute: sum(Object.values(bytesByPath)),
      longestTaskMs: Math.max(...tasks.map(({ workedMs }) => workedMs)),
      heapBytes,
    };
    measured.push(figures);
    process.stderr.write(`${JSON.stringify({ ...figures, bytesByPath })}\n`);
    await context.close();
    expect(figures.longestTaskMs).toBeLessThan(TASK_MS_MAX);
    expect(figures.firstHostMs / figures.emptyPageMs).toBeLessThan(FIRST_HOST_RATIO_MAX);
    if (name === 'fleet' && hosts === 500) expect(figures.bytesPerMinute).toBeLessThan(TRAFFIC_MAX);
  });
});

describeLargeFleet('10,000 hosts that all report', () => {
  let database: TestDatabase;
  let browser: Browser | undefined;
  let dashboard: Dashboard | undefined;
  let simulator: Program | undefined;

  beforeAll(async () => {
    database = await createTestDatabase('postgresql');
    dashboard = await startDashboard(database.url, {
      MUSTER_HEARTBEAT_SECONDS: '120',
      MUSTER_SNAPSHOT_SECONDS: '120',
    });
    browser = await openChromium();
  });
  afterEach(() => simulator?.stop('SIGKILL'));
  afterAll(async () => {
    await browser?.close();
    await dashboard?.close();
    await database.close();
  });

  test('appear on the fleet page while each agent reports every 120 s', async () => {
    simulator = simulate(dashboard!, 10_000, '--containers 5 --faults 0 --ramp 4m --duration 9m --sockets 64');
    const { page, context } = await openSignedIn(browser!, dashboard!);
    await waitForReports(dashboard!, 10_000);
    await page.goto(dashboard!.url);
    await page.getByRole('link', { name: /^10,000\s*hosts/ }).waitFor();
    const tasks = await pageTasksOf(browser!, () => page.waitForTimeout(MINUTE_MS));
    expect(Math.max(...tasks.map(({ workedMs }) => workedMs))).toBeLessThan(TASK_MS_MAX);
    await page.getByText('Live', { exact: true }).waitFor();
    await context.close();
    expect(await simulator.ended).toBe(0);
  });
});

function simulate({ url, muster }: Dashboard, hosts: number, flags: string): Program {
  const args = `--hosts ${hosts} --duration 60m ${flags}`.split(' ');
  return startProgram(mainOf('simulate'), { args, env: { MUSTER_URL: url, MUSTER_KEY: muster.key } });
}

/** Waits until the API knows `hosts` hosts that have reported. */
async function waitForReports({ api }: Dashboard, hosts: number): Promise<void> {
  for (;;) {
    const { hosts: counts } = await api.call('getSummary');
    if (counts.total === hosts && counts.byFreshness.online === hosts) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function openSignedIn(browser: Browser, dashboard: Dashboard): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 880 }, colorScheme: 'light' });
  context.setDefaultTimeout(MINUTE_MS);
  await dashboard.signIn(context);
  return { page: (await openPage(context)).page, context };
}

async function timeOf(page: Page, url: string, appeared: () => Promise<void>): Promise<number> {
  await page.goto('about:blank');
  const before = performance.now();
  await page.goto(url, { waitUntil: 'commit' });
  await appeared();
  return performance.now() - before;
}

/** Scrolls repeatedly to the end of a table's loaded rows, until a row with at least this index is rendered. */
async function scrollTo(page: Page, table: string, index: number): Promise<void> {
  const scroller = page.getByRole('region', { name: table });
  const lastIndex = () =>
    page
      .locator('[data-index]')
      .evaluateAll((rows) => Math.max(...rows.map((row) => Number((row as HTMLElement).dataset['index']))));
  while ((await lastIndex()) < index) {
    await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }
}

async function takePictures(page: Page, name: string): Promise<void> {
  if (REPORT_DIRECTORY === undefined) return;
  await mkdir(REPORT_DIRECTORY, { recursive: true });
  await page.screenshot({ path: join(REPORT_DIRECTORY, `${name}.png`) });
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
