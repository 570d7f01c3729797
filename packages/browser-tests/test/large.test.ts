import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, hasTestServer, type TestDatabase } from '@muster/db/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeInChromium, openChromium, openPage, type Misdeeds } from './chromium.js';
import { startDashboard, type Dashboard } from './dashboard.js';

const HOSTS = 1_000;
const CONTAINERS_EACH = 100;

/** More rows in the page than this would be a table that draws what nobody sees. */
const ROWS_DRAWN_MAX = 80;

const onServer = hasTestServer() ? describeInChromium : describe.skip;

onServer('100,000 containers', () => {
  let db: TestDatabase;
  let browser: Browser | undefined;
  let dashboard: Dashboard | undefined;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    db = await createTestDatabase('postgresql');
    dashboard = await startDashboard(db.url);
    await seed(db);
    browser = await openChromium();
    context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    await dashboard.signIn(context);
    ({ page, misdeeds } = await openPage(context));
  });
  afterAll(async () => {
    await browser?.close();
    await dashboard?.close();
    await db.close();
  });

  const rows = () => page.getByRole('table', { name: 'Containers' }).locator('[data-index]');

  test('are walked through page by page, while only the rows that are seen are drawn', async () => {
    await page.goto(`${dashboard!.url}/containers`);
    await rows().first().waitFor();
    await page.evaluate(() => {
      const tasks: number[] = [];
      new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => tasks.push(duration))).observe({
        type: 'longtask',
      });
      Object.assign(window, { longTasks: tasks });
    });
    const scroller = page.getByRole('region', { name: 'Containers' });
    await scroller.hover();
    let last = 0;
    while (last < 2_000) {
      await page.mouse.wheel(0, 1_200);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      const indexes = await rows().evaluateAll((drawn) =>
        drawn.map((row) => Number((row as HTMLElement).dataset['index'])),
      );
      expect(indexes.length).toBeLessThan(ROWS_DRAWN_MAX);
      last = Math.max(...indexes);
    }
    const longTasks = await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
    // A figure, not a promise: another process on the machine makes a task longer, too.
    process.stderr.write(`tasks over 50 ms while scrolling past 2,000 rows: ${longTasks.length}\n`);
    expect(misdeeds.list).toEqual([]);
  });

  test('are searched as one types, and what is found is all that is shown', async () => {
    await page.goto(`${dashboard!.url}/`);
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
    await page.getByRole('link', { name: /^100,000 running/ }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('app-777-42');
    await page.getByRole('link', { name: 'app-777-42', exact: true }).waitFor();
    await page.getByText('1 container', { exact: true }).waitFor();
  });
});

/**
 * Hosts and their containers as rows: agents would need minutes to tell of so many. They are heard of an hour from now,
 * so that they stay current however long the test takes.
 */
async function seed({ prisma }: TestDatabase): Promise<void> {
  const { id: organizationId } = await prisma.organization.findFirstOrThrow();
  await prisma.$executeRaw`
    INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os, arch,
      "agentVersion", revision, "containerCount", "stateCounts", "lastSeenAt", "confirmedAt", "enrolledAt")
    SELECT gen_random_uuid(), ${organizationId}, 'host-' || n, 'engine-' || n, 'Docker', '28.5.2', '1.51', 'Debian', 'x86_64',
      '0.1.0', 1, ${CONTAINERS_EACH}, jsonb_build_object('running', ${CONTAINERS_EACH}::int), now() + interval '1 hour',
      now() + interval '1 hour', now()
    FROM generate_series(1, ${HOSTS}::int) n`;
  // A hundred statements: one of all of them would take longer than a statement may.
  for (let part = 0; part < 100; part += 1) {
    await prisma.$executeRaw`
      INSERT INTO containers ("hostId", "dockerId", "organizationId", name, image, command, state, status, ports, labels,
        digest, "firstSeenAt", "changedAt")
      SELECT h.id, md5(h.name || n), h."organizationId", replace(h.name, 'host', 'app') || '-' || n, 'registry.example.com/app:' || n,
        'app', 'running', 'Up 5 minutes', '[]', '{}', md5(h.name || n), now(), now()
      FROM hosts h, generate_series(1, ${CONTAINERS_EACH}::int) n
      WHERE substr(h."engineId", 8)::int % 100 = ${part}::int`;
  }
  await prisma.$executeRaw`ANALYZE`;
}
