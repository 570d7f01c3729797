import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '@muster/testkit';
import { readFile } from 'node:fs/promises';
import type { Download, Page } from 'playwright-core';
import { describeInChromium, startDashboard, useBrowserPage, waitUntil, type Dashboard } from '../support/browser.js';
import { runContainer } from '../support/host.js';

/** The documented limit for the script that a first load transfers, in bytes. */
const SCRIPT_BYTES_MAX = 200_000;

describeInChromium('the list of containers', () => {
  const visit = useBrowserPage();
  let dashboard: Dashboard;
  let page: Page;

  beforeAll(async () => {
    dashboard = await startDashboard();
    const host = await dashboard.addHost('web-01');
    for (const name of ['shop-web-1', 'shop-web-2', 'shop-web-3']) runContainer(host, name);
    runContainer(host, 'shop-db-1', 'docker.io/library/postgres:17');
    await eventually(async () => {
      const { items } = await dashboard.api.call('listContainers');
      expect(items).toHaveLength(4);
    });
  });
  afterAll(() => dashboard.close());
  beforeEach(async () => {
    await dashboard.signIn(visit.context);
    page = visit.page;
  });

  const table = () => page.getByRole('table', { name: 'Containers', exact: true });
  const row = (name: string) => table().getByRole('link', { name, exact: true });
  const focusedText = () => page.evaluate(() => document.activeElement?.textContent ?? '');
  /**
   * Waits until the element with this text has the focus, because menus move the focus some time after the key press.
   */
  const waitForFocusOn = (text: string) => eventually(async () => expect(await focusedText()).toBe(text));

  test.each([
    ['CSV, for a spreadsheet', 'csv', (text: string) => text.trim().split('\n').slice(1)],
    ['NDJSON, for a program', 'ndjson', (text: string) => text.trim().split('\n')],
  ])('is exported as "%s" with only the containers that match the filters', async (menuItem, format, linesOf) => {
    await page.goto(`${dashboard.url}/containers?q=web-2`);
    await row('shop-web-2').waitFor();
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: menuItem }).click();
    const file: Download = await download;
    expect(file.suggestedFilename()).toMatch(new RegExp(`\\.${format}$`));
    const lines = linesOf(await readFile(await file.path(), 'utf8'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('shop-web-2');
  });

  test('can be sorted by the last change only on the page of a host', async () => {
    await page.goto(`${dashboard.url}/containers`);
    await row('shop-db-1').waitFor();
    await page.getByRole('button', { name: 'Image' }).waitFor();
    expect(await page.getByRole('button', { name: 'Changed' }).count()).toBe(0);

    const [container] = (await dashboard.api.call('listContainers')).items;
    await page.goto(`${dashboard.url}/hosts/${container!.hostId}`);
    await page.getByRole('columnheader', { name: 'Changed' }).getByRole('button').click();
    await page.locator('[role=columnheader][aria-sort=descending]', { hasText: 'Changed' }).waitFor();
    await page.getByRole('table').getByRole('link', { name: 'shop-db-1', exact: true }).waitFor();
  });

  test('is grouped by image under headings with counts, which show the containers when they are opened', async () => {
    await page.goto(`${dashboard.url}/containers`);
    await row('shop-db-1').waitFor();
    await page.getByRole('button', { name: 'Group' }).click();
    await page.getByRole('menuitemradio', { name: 'image' }).click();
    await page.waitForURL(/\?group=image$/);
    await page.getByRole('button', { name: /postgres:17.*1 container, 1 running/ }).waitFor();
    const nginxHeading = page.getByRole('button', { name: /nginx:1\.29.*3 containers, 3 running/ });
    expect(await nginxHeading.getAttribute('aria-expanded')).toBe('false');
    await nginxHeading.click();
    const groupTable = page.getByRole('table', { name: /^Containers of .*nginx:1\.29$/ });
    await groupTable.getByRole('link', { name: 'shop-web-3', exact: true }).waitFor();
    expect(await groupTable.getByRole('link', { name: 'shop-db-1' }).count()).toBe(0);
  });

  test('shows the selected columns, even after a reload', async () => {
    await page.goto(`${dashboard.url}/containers`);
    await row('shop-db-1').waitFor();
    const header = (name: string) => table().getByRole('columnheader', { name });
    expect(await header('Status').count()).toBe(0);
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Status' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Image' }).click();
    await page.keyboard.press('Escape');
    await page.reload();
    await header('Status').waitFor();
    expect(await header('Image').count()).toBe(0);
  });

  test('can be searched, navigated and opened with the keyboard alone', async () => {
    await page.goto(dashboard.url);
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('web-3');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'shop-web-3' }).waitFor();

    await page.goto(`${dashboard.url}/containers`);
    await row('shop-db-1').waitFor();
    const filter = page.getByRole('searchbox', { name: /^Filter by name/ });
    await filter.focus();
    await page.keyboard.type('web');
    await page.waitForURL(/\/containers\?q=web$/);
    await row('shop-db-1').waitFor({ state: 'detached' });
    await row('shop-web-1').waitFor();

    for (const [key, name] of [
      ['ArrowDown', 'shop-web-1'],
      ['ArrowDown', 'shop-web-2'],
      ['ArrowDown', 'shop-web-3'],
      ['ArrowUp', 'shop-web-2'],
    ] as const) {
      await page.keyboard.press(key);
      await waitForFocusOn(name);
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'shop-web-2' }).waitFor();

    await page.goBack();
    await row('shop-web-2').waitFor();
    await filter.focus();
    await page.keyboard.press('Escape');
    await row('shop-db-1').waitFor();
    await page.waitForURL((url) => url.search === '');
    await filter.blur();
    await page.keyboard.press('/');
    await page.keyboard.type('nothing has this name');
    await page.locator('.combobox-note').filter({ hasText: 'Nothing matches' }).waitFor();
    await page.getByRole('status').filter({ hasText: 'Nothing matches' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await waitUntil(page, () => document.activeElement === document.body);
  });

  test('has menus that work with the keyboard and restore the focus when they close', async () => {
    await page.goto(`${dashboard.url}/containers`);
    await row('shop-db-1').waitFor();
    const filterButton = page
      .getByRole('group', { name: 'Filters' })
      .getByRole('button', { name: 'Filter', exact: true });
    await filterButton.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitemcheckbox', { name: 'running' }).waitFor();
    await page.keyboard.type('pau');
    await waitForFocusOn('paused');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\?state=paused$/);
    await page.getByText('No matching containers').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    await waitForFocusOn('Filter');
  });

  test('needs less script for a first load than the documented limit', async () => {
    const load = async (): Promise<{ bytes: number; ms: number }> => {
      await page.goto(`${dashboard.url}/containers`);
      await row('shop-db-1').waitFor();
      return page.evaluate(() => {
        const ms = Math.round(performance.now());
        const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
        const scripts = entries.filter(({ name }) => name.endsWith('.js'));
        return { bytes: scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0), ms };
      });
    };
    const firstLoad = await load();
    const secondLoad = await load();
    // The test prints the times without checking them, because other processes on the machine increase the times.
    process.stderr.write(
      `the list of containers was usable after ${firstLoad.ms} ms with ${firstLoad.bytes} bytes of script, again after ${secondLoad.ms} ms\n`,
    );
    expect(firstLoad.bytes).toBeGreaterThan(0);
    expect(firstLoad.bytes).toBeLessThan(SCRIPT_BYTES_MAX);
  });
});
