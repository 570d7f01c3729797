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
  type Dashboard,
  useBrowserPage,
  waitUntil,
} from '../support/browser.js';
import { enrollRawHost, type RawHost } from '../support/host.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));

const visit = useBrowserPage();
let dashboard: Dashboard;
let host: RawHost;
let page: Page;
let containers: ContainerInput[];

/** Minutes before now. */
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const PORT_MESSAGE =
  'failed to set up container networking: driver failed programming external connectivity on endpoint shop-web-1 (9cfa2629): Bind for 0.0.0.0:8080 failed: port is already allocated';

const running = (name: string, image: string): ContainerInput => ({
  ...{ dockerId: name, name, image, state: 'running', status: 'Up 2 hours', startedAt: ago(120) },
  ...{ exit: null, oomKilled: false, restartCount: 0 },
});
const ended = (container: ContainerInput, reason: string, code: number, minutes: number): ContainerInput => ({
  ...{ ...container, state: 'exited', status: `Exited (${code}) ${minutes} minutes ago` },
  exit: { code, reason, error: '', finishedAt: ago(minutes) },
});

beforeAll(async () => {
  await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
  dashboard = await startDashboard(null, LONG_CADENCE);
  host = await enrollRawHost(dashboard.muster, { name: 'web-01' });
  const worker = { ...running('shop-worker-1', 'shop/worker:7'), restartCount: 4 };
  const [db, cron] = [running('shop-db-1', 'postgres:18'), running('shop-cron-1', 'shop/cron:2')];
  const web = { ...running('shop-web-1', 'shop/web:41'), state: 'created', status: 'Created', startedAt: null };
  await host.sync([worker, db, cron, web]);
  containers = [
    { ...ended(worker, 'oom', 137, 3), oomKilled: true },
    ended(db, 'stopped', 143, 2),
    ended(cron, 'crashed', 1, 5),
    { ...web, exit: { code: 128, reason: 'failed_to_start', error: PORT_MESSAGE, finishedAt: null } },
  ];
});
afterAll(() => dashboard.close());

describeInChromium('how a container’s process ended', () => {
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
    await host.sync(containers);
  });

  const openContainer = async (name: string) => {
    await page.goto(`${dashboard.url}/hosts/${host.id}/containers/${name}`);
    await page.getByRole('heading', { name }).waitFor();
  };

  /**
   * Waits until the page fits the window of a phone. The layout may change until the last element has its final size.
   */
  const fitPhone = async (): Promise<void> => {
    await page.setViewportSize({ width: 390, height: 844 });
    const fits = () => document.documentElement.scrollWidth <= document.documentElement.clientWidth;
    await waitUntil(page, fits, { timeoutMs: 30_000 });
  };

  test('is on the page of a container that ran out of memory, with the time, the restarts and the event', async () => {
    await openContainer('shop-worker-1');
    const details = page.getByRole('region', { name: 'Details' });
    // On a busy machine, this test may begin minutes after the report.
    for (const text of ['out of memory', '137', /\b(?:[3-9]|\d\d) min/, 'Restarts by the engine']) {
      await details.getByText(text).first().waitFor();
    }
    await page.getByRole('region', { name: 'History' }).getByText('out of memory').waitFor();
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'exit-out-of-memory.png') });
    await fitPhone();
  });

  test('is on the page of a container that could not start, with the engine’s message', async () => {
    await openContainer('shop-web-1');
    await page.getByText('could not start: port 8080 is already in use').first().waitFor();
    await page.getByRole('region', { name: 'Details' }).getByText(PORT_MESSAGE).waitFor();
    await page.getByRole('region', { name: 'History' }).getByText('could not start').waitFor();
    await page.setViewportSize({ width: 1280, height: 740 });
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'exit-could-not-start.png') });
    await fitPhone();
  });

  test('is in lists and, except for a stopped container, in the list of problems', async () => {
    await page.goto(dashboard.url);
    for (const problem of ['Out of memory', 'Crashed (1)', 'Could not start: port 8080 is already in use']) {
      await page.getByText(problem).first().waitFor();
    }
    const problems = page.getByRole('region', { name: 'Needs attention' });
    expect(await problems.getByText('shop-db-1').count()).toBe(0);
    await page.goto(`${dashboard.url}/containers`);
    for (const state of ['out of memory', 'stopped', 'crashed (1)', 'could not start: port 8080 is already in use']) {
      await page
        .getByRole('cell', { name: state })
        .or(page.getByText(state, { exact: true }))
        .first()
        .waitFor();
    }
    await page.setViewportSize({ width: 1280, height: 400 });
    await page.screenshot({ path: join(SCREENSHOT_DIRECTORY, 'exits.png') });
    expect(await overflowOf(page)).toBe(0);
  });
});
