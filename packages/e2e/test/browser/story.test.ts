import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import {
  describeInChromium,
  openPage,
  OWNER,
  startDashboard,
  useBrowserPage,
  type Dashboard,
} from '../support/browser.js';
import { runContainer, type FleetHost } from '../support/host.js';

describeInChromium('from the first start to a fleet', () => {
  const visit = useBrowserPage();
  let dashboard: Dashboard;
  let page: Page;
  let host: FleetHost;

  beforeAll(async () => {
    dashboard = await startDashboard();
  });
  afterAll(() => dashboard.close());
  beforeEach(() => void (page = visit.page));

  const openPath = async (path: string): Promise<void> => {
    await dashboard.signIn(visit.context);
    await page.goto(dashboard.url + path);
  };
  const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });

  test('the setup link creates the owner, and an empty fleet leads to “Add a host”, which waits for a report', async () => {
    await page.goto(await dashboard.muster.setupLink());
    await page.getByLabel('Your name').fill(OWNER.name);
    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Create account' }).click();

    await heading('Add a host').waitFor();
    await page.getByLabel('Token name').fill('a test');
    await page.getByRole('button', { name: 'Create token' }).click();
    const command = await page.getByRole('region', { name: /^command for/ }).innerText();
    const token = /muster_enroll_\w+/.exec(command)![0];
    await page.getByRole('heading', { name: 'Waiting for the host' }).waitFor();

    host = await dashboard.addHost('web-01', token);
    runContainer(host, 'shop-web-1');
    await page.getByRole('heading', { name: 'Host connected' }).waitFor();
    await page.getByRole('link', { name: 'View host' }).click();
    await heading('web-01').waitFor();
    await page.getByRole('link', { name: 'shop-web-1' }).first().waitFor();
  });

  test('changes appear without a reload, and a crash appears in the fleet page’s list of problems', async () => {
    await openPath('/');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(() => Object.assign(window, { isTheSamePage: true }));

    const id = runContainer(host, 'shop-worker-1');
    await page.getByText('shop-worker-1').first().waitFor();
    host.engine.die(id, 1);
    await page.getByRole('link', { name: /shop-worker-1\s*Crashed \(1\)/ }).waitFor();
    expect(await page.evaluate(() => 'isTheSamePage' in window)).toBe(true);
  });

  test('the slash key focuses the search on any page, and a list’s URL contains its search term and filters', async () => {
    await openPath('/events');
    await heading('Events').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('worker');
    await page.getByRole('option', { name: /shop-worker-1.*web-01/ }).waitFor();
    await page.keyboard.press('Enter');
    await heading('shop-worker-1').waitFor();

    await page.goto(`${dashboard.url}/containers`);
    await page.getByRole('searchbox', { name: /^Filter by name/ }).fill('worker');
    await page.waitForURL(/\/containers\?q=worker$/);
    const table = page.getByRole('table', { name: 'Containers' });
    await table.getByRole('link', { name: 'shop-worker-1' }).waitFor();
    await table.getByRole('link', { name: 'shop-web-1' }).waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Remove filter “worker”' }).click();
    await table.getByRole('link', { name: 'shop-web-1' }).waitFor();
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('menuitemcheckbox', { name: 'exited' }).click();
    await page.waitForURL(/\?state=exited$/);
    await page.keyboard.press('Escape');
    await table.getByRole('link', { name: 'shop-worker-1' }).waitFor();
    await page.reload();
    await table.getByRole('link', { name: 'shop-worker-1' }).waitFor();
    expect(await table.getByRole('link', { name: 'shop-web-1' }).count()).toBe(0);
  });

  test('a host whose engine is down is "engine down", and its containers do not count as running', async () => {
    host.server.setFault('list', { kind: 'status', status: 500 });
    host.server.dropEventStreams();
    await openPath('/');
    const tile = page.getByRole('link', { name: /^web-01 engine down/ });
    await tile.waitFor();
    await page.getByText('last known').waitFor();
    await page.getByRole('link', { name: /^0 containers$/ }).waitFor();
    await tile.click();
    await page.getByText('Agent running, container engine not responding', { exact: false }).waitFor();

    host.server.setFault('list', null);
    await page.getByText('Agent running', { exact: false }).waitFor({ state: 'detached' });
  });

  test('a host that stops reporting becomes stale, and its containers are shown as last known', async () => {
    const silentHost = await dashboard.addHost('web-02');
    runContainer(silentHost, 'shop-web-2');
    await openPath('/');
    await page.getByRole('link', { name: /^web-02 online/ }).waitFor();
    await silentHost.agent.stop('SIGKILL');
    await page.getByRole('link', { name: /^web-02 stale as of/ }).waitFor();
    await page.goto(`${dashboard.url}/containers?q=shop-web-2`);
    await page.getByText('running (last known)').waitFor();

    // Each count links to exactly the containers that it includes.
    await page.goto(dashboard.url);
    await page.getByText('last known').waitFor();
    const numbers = page.getByRole('region', { name: 'Fleet summary' });
    for (const name of [/^\d+ containers?$/, /^\d+ running$/, /last known$/]) {
      const link = numbers.getByRole('link', { name });
      const count = parseInt(await link.innerText(), 10);
      await link.click();
      const note = new RegExp(`^${count} ${count === 1 ? 'container' : 'containers'}$`);
      await page.getByRole('status').filter({ hasText: note }).waitFor();
      await page.goBack();
    }
  });

  test('after a manual token rotation, the agent is refused until it gets the new token', async () => {
    const before = await dashboard.api.call('listHosts', { query: { q: 'web-01' } });
    await openPath(`/hosts/${before.items[0]!.id}`);
    await heading('web-01').waitFor();
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Rotate agent token' }).click();
    await page.getByRole('button', { name: 'Rotate token' }).click();
    const command = await page.getByRole('region', { name: 'command for Node.js' }).innerText();
    const token = /muster_enroll_\w+/.exec(command)![0];
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await dashboard.restartAgent(host, token);
    await page.getByText('online', { exact: true }).first().waitFor();
    const after = await dashboard.api.call('listHosts', { query: { q: 'web-01' } });
    expect(after.items.map(({ id }) => id)).toEqual([before.items[0]!.id]);
  });

  test('a host can be renamed, and deleted after confirmation', async () => {
    await openPath('/');
    await page
      .getByRole('link', { name: /^web-02/ })
      .first()
      .click();
    await heading('web-02').waitFor();
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('old-web');
    await page.getByRole('button', { name: 'Rename', exact: true }).click();
    await heading('old-web').waitFor();

    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const confirm = page.getByRole('button', { name: 'Delete the host' });
    expect(await confirm.isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByLabel(/^Type old-web/).fill('old-web');
    await confirm.click();
    await heading('Fleet').waitFor();
    await page.locator('a.tile', { hasText: 'old-web' }).waitFor({ state: 'detached' });
    const { items } = await dashboard.api.call('listHosts');
    expect(items.map(({ name }) => name)).toEqual(['web-01']);
  });

  test('a lost connection is shown, and the page recovers without a reload', async () => {
    await openPath('/');
    await page.getByText('Live', { exact: true }).waitFor();
    await dashboard.muster.stop();
    await page.getByText('Not live', { exact: false }).waitFor();
    await dashboard.muster.start();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('link', { name: /^web-01 online/ }).waitFor();
  });

  test('a list is refreshed even if the stream is silent, and the page is not "Live" while the stream lags', async () => {
    // Replaces the live stream with a stream that stays connected and contains only messages from the test.
    await page.addInitScript(() => {
      const bytes = (text: string) => new TextEncoder().encode(text);
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          setInterval(() => controller.enqueue(bytes(':\n\n')), 1_000);
          Object.assign(window, { sendToPage: (text: string) => controller.enqueue(bytes(text)) });
        },
      });
      const fetch = window.fetch.bind(window);
      window.fetch = (input, init) =>
        (input instanceof Request ? input.url : String(input)).includes('/api/stream')
          ? Promise.resolve(new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }))
          : fetch(input, init);
    });
    await openPath('/containers');
    const table = page.getByRole('table', { name: 'Containers' });
    await table.getByRole('link', { name: 'shop-web-1' }).waitFor();
    // The connection is open but silent, so the page must not claim to be live.
    await page.getByText('Not live', { exact: false }).waitFor();
    runContainer(host, 'shop-unseen-1');
    await table.getByRole('link', { name: 'shop-unseen-1' }).waitFor({ timeout: 90_000 });

    const send = (event: string, data: object) =>
      page.evaluate(
        (text) => (window as unknown as { sendToPage: (text: string) => void }).sendToPage(text),
        `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      );
    // After two messages that arrive at different times, the page no longer considers the stream silent.
    await send('heartbeat', {});
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await send('lagging', { since: new Date().toISOString() });
    await page.getByText('Delayed', { exact: false }).waitFor();
    expect(await page.getByText('Live', { exact: true }).count()).toBe(0);
    await send('caught-up', {});
    await page.getByText('Live', { exact: true }).waitFor();
  }, 300_000);

  test('an invited viewer sees the fleet, but no controls that change the fleet', async () => {
    await openPath('/settings/members');
    await page.getByLabel('Email').fill('vic@example.org');
    await page.getByRole('button', { name: 'Create invitation' }).click();
    const link = await page.getByRole('region', { name: 'invitation link' }).innerText();

    const otherContext = await visit.context.browser()!.newContext();
    try {
      const { page: otherPage, errors: otherErrors } = await openPage(otherContext);
      await otherPage.goto(link.trim());
      await otherPage.getByLabel('Your name').fill('Vic Viewer');
      await otherPage.getByLabel('Password').fill('another long passphrase');
      await otherPage.getByRole('button', { name: 'Accept and sign in' }).click();
      await otherPage.locator('a.tile', { hasText: 'web-01' }).click();
      await otherPage.getByRole('heading', { level: 1, name: 'web-01' }).waitFor();
      expect(await otherPage.getByRole('button', { name: 'Actions' }).count()).toBe(0);
      expect(await otherPage.getByRole('link', { name: 'Add a host' }).count()).toBe(0);
      await otherPage.goto(`${dashboard.url}/settings/api-keys`);
      await otherPage.getByRole('heading', { name: 'Page not found' }).waitFor();
      expect(otherErrors.list).toEqual([]);
    } finally {
      await otherContext.close();
    }
  });

  test('a member becomes a viewer only after confirmation, and loses the admin keys that the member created', async () => {
    await openPath('/settings/members');
    await page.getByLabel('Email').fill('dan@example.org');
    await page.getByLabel('Role', { exact: true }).selectOption('admin');
    await page.getByRole('button', { name: 'Create invitation' }).click();
    const link = await page.getByRole('region', { name: 'invitation link' }).innerText();
    const otherContext = await visit.context.browser()!.newContext();
    try {
      const { page: otherPage } = await openPage(otherContext);
      await otherPage.goto(link.trim());
      await otherPage.getByLabel('Your name').fill('Dan Admin');
      await otherPage.getByLabel('Password').fill('another long passphrase');
      await otherPage.getByRole('button', { name: 'Accept and sign in' }).click();
      await otherPage.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
      const status = await otherPage.evaluate(async () => {
        const body = JSON.stringify({ name: 'of dan', role: 'admin' });
        const headers = { 'Content-Type': 'application/json' };
        return (await fetch('/api/api-keys', { method: 'POST', headers, body })).status;
      });
      expect(status).toBe(201);
    } finally {
      await otherContext.close();
    }
    const isRevoked = async () => {
      const { items } = await dashboard.api.call('listApiKeys');
      return items.find(({ name }) => name === 'of dan')!.revokedAt !== null;
    };
    await openPath('/settings/members');
    const role = page.getByLabel('Role of Dan Admin');
    await role.selectOption('viewer');
    await page.getByRole('heading', { name: 'Make Dan Admin a viewer?' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect([await role.inputValue(), await isRevoked()]).toEqual(['admin', false]);

    await role.selectOption('viewer');
    await page.getByRole('button', { name: 'Change the role' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect([await role.inputValue(), await isRevoked()]).toEqual(['viewer', true]);
  });

  test('a user whose session ends can sign in again and returns to the same page', async () => {
    await openPath('/ports');
    await heading('Ports').waitFor();
    await visit.context.request.delete(`${dashboard.url}/api/session`, { headers: { Origin: dashboard.url } });
    await page.getByText('Your session has ended.', { exact: false }).waitFor();
    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password').fill('a wrong password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await heading('Ports').waitFor();
  });
});
