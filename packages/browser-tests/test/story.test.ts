import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { describeInChromium, openPage, useVisits } from './chromium.js';
import { OWNER, runContainer, startDashboard, type Dashboard, type FleetHost } from './dashboard.js';

describeInChromium('from the first start to a fleet', () => {
  const visit = useVisits();
  let dashboard: Dashboard;
  let page: Page;
  let host: FleetHost;

  beforeAll(async () => {
    dashboard = await startDashboard();
  });
  afterAll(() => dashboard.close());
  beforeEach(() => void (page = visit.page));

  const open = async (path: string): Promise<void> => {
    await dashboard.signIn(visit.context);
    await page.goto(dashboard.url + path);
  };
  const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });

  test('the printed link makes the owner, and an empty fleet leads to adding a host, which is seen as it reports', async () => {
    await page.goto(await dashboard.setupLink());
    await page.getByLabel('Your name').fill(OWNER.name);
    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Make the account' }).click();

    await heading('Add a host').waitFor();
    await page.getByLabel('What is it for?').fill('a test');
    await page.getByRole('button', { name: 'Make a token' }).click();
    const command = await page.getByRole('region', { name: /^the command for/ }).innerText();
    const token = /muster_enroll_\w+/.exec(command)![0];
    await page.getByRole('heading', { name: 'Waiting for the host' }).waitFor();

    host = await dashboard.addHost('web-01', token);
    runContainer(host, 'shop-web-1');
    await page.getByRole('heading', { name: 'It is here' }).waitFor();
    await page.getByRole('link', { name: 'See it' }).click();
    await heading('web-01').waitFor();
    await page.getByRole('link', { name: 'shop-web-1' }).first().waitFor();
  });

  test('what changes is seen without a reload, a crash within the fleet’s concerns', async () => {
    await open('/');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(() => Object.assign(window, { isTheSamePage: true }));

    const id = runContainer(host, 'shop-worker-1');
    await page.getByText('shop-worker-1').first().waitFor();
    host.engine.die(id, 1);
    await page.getByRole('link', { name: /shop-worker-1\s*crashed with exit code 1/ }).waitFor();
    expect(await page.evaluate(() => 'isTheSamePage' in window)).toBe(true);
  });

  test('the slash key searches from anywhere, and the address holds the view', async () => {
    await open('/events');
    await heading('Events').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('worker');
    await page.waitForURL(/\/containers\?q=worker$/);
    const table = page.getByRole('table', { name: 'Containers' });
    await table.getByRole('link', { name: 'shop-worker-1' }).waitFor();
    expect(await table.getByRole('link', { name: 'shop-web-1' }).count()).toBe(0);

    await page.getByRole('button', { name: '“worker”: remove this filter' }).click();
    await table.getByRole('link', { name: 'shop-web-1' }).waitFor();
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'State' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'exited' }).click();
    await page.waitForURL(/\?state=exited$/);
    await page.keyboard.press('Escape');
    await table.getByRole('link', { name: 'shop-worker-1' }).waitFor();
    await page.reload();
    await table.getByRole('link', { name: 'shop-worker-1' }).waitFor();
    expect(await table.getByRole('link', { name: 'shop-web-1' }).count()).toBe(0);
  });

  test('an engine that does not answer makes its host say so, and nothing of it counts as running now', async () => {
    host.server.setFault('list', { kind: 'status', status: 500 });
    host.server.dropEventStreams();
    await open('/');
    const tile = page.getByRole('link', { name: /^web-01 engine down/ });
    await tile.waitFor();
    await page.getByText('last known').waitFor();
    await page.getByRole('link', { name: /^0 containers now/ }).waitFor();
    await tile.click();
    await page.getByText('The agent lives, but its container engine does not answer', { exact: false }).waitFor();

    host.server.setFault('list', null);
    await page.getByText('The agent lives', { exact: false }).waitFor({ state: 'detached' });
  });

  test('a host that falls silent turns grey, as of when it was last heard', async () => {
    const silent = await dashboard.addHost('web-02');
    runContainer(silent, 'shop-web-2');
    await open('/');
    await page.getByRole('link', { name: /^web-02 online/ }).waitFor();
    await silent.agent.stop('SIGKILL');
    await page.getByRole('link', { name: /^web-02 quiet as of/ }).waitFor();
    await page.goto(`${dashboard.url}/containers?q=shop-web-2`);
    await page.getByText('was running').waitFor();

    // Each number leads to the containers that it counts, and to no other.
    await page.goto(dashboard.url);
    await page.getByText('last known').waitFor();
    const numbers = page.getByRole('region', { name: 'Numbers' });
    for (const name of [/containers now$/, /^\d+ running$/, /last known$/]) {
      const link = numbers.getByRole('link', { name });
      const told = parseInt(await link.innerText(), 10);
      await link.click();
      await page.getByText(told === 1 ? '1 container' : `${told} containers`, { exact: true }).waitFor();
      await page.goBack();
    }
  });

  test('a token that was rotated locks the agent out until it is given the new one, and the host is the same then', async () => {
    const before = await dashboard.api.call('listHosts', { query: { q: 'web-01' } });
    await open(`/hosts/${before.items[0]!.id}`);
    await heading('web-01').waitFor();
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Rotate its token' }).click();
    await page.getByRole('button', { name: 'Revoke the token' }).click();
    const command = await page.getByRole('region', { name: 'the command for Node.js' }).innerText();
    const token = /muster_enroll_\w+/.exec(command)![0];
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await dashboard.restartAgent(host, token);
    await page.getByText('online', { exact: true }).first().waitFor();
    const after = await dashboard.api.call('listHosts', { query: { q: 'web-01' } });
    expect(after.items.map(({ id }) => id)).toEqual([before.items[0]!.id]);
  });

  test('a host is renamed and deleted, each after it was asked, and gone from the fleet then', async () => {
    await open('/');
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

  test('a lost connection is told of, and the page recovers without a reload', async () => {
    await open('/');
    await page.getByText('Live', { exact: true }).waitFor();
    await dashboard.stopServer();
    await page.getByText('Not live', { exact: false }).waitFor();
    await dashboard.startServer();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('link', { name: /^web-01 online/ }).waitFor();
  });

  test('a list is read again although the stream says nothing, and a stream that lags is not called live', async () => {
    // Connected, alive, and silent, until the test sends something.
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
    await open('/containers');
    await page.getByText('Live', { exact: true }).waitFor();
    const table = page.getByRole('table', { name: 'Containers' });
    await table.getByRole('link', { name: 'shop-web-1' }).waitFor();
    runContainer(host, 'shop-unseen-1');
    await table.getByRole('link', { name: 'shop-unseen-1' }).waitFor({ timeout: 90_000 });

    const send = (event: string, data: object) =>
      page.evaluate(
        (text) => (window as unknown as { sendToPage: (text: string) => void }).sendToPage(text),
        `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      );
    await send('lagging', { since: new Date().toISOString() });
    await page.getByText('Delayed', { exact: false }).waitFor();
    expect(await page.getByText('Live', { exact: true }).count()).toBe(0);
    await send('caught-up', {});
    await page.getByText('Live', { exact: true }).waitFor();
  }, 180_000);

  test('who accepts an invitation as a viewer sees the fleet, and nothing that changes it', async () => {
    await open('/settings/members');
    await page.getByLabel('Email').fill('vic@example.org');
    await page.getByRole('button', { name: 'Make an invitation' }).click();
    const link = await page.getByRole('region', { name: 'the invitation’s link' }).innerText();

    const other = await visit.context.browser()!.newContext();
    try {
      const { page: theirs, misdeeds: theirMisdeeds } = await openPage(other);
      await theirs.goto(link.trim());
      await theirs.getByLabel('Your name').fill('Vic Viewer');
      await theirs.getByLabel('Password').fill('another long passphrase');
      await theirs.getByRole('button', { name: 'Accept and sign in' }).click();
      await theirs.locator('a.tile', { hasText: 'web-01' }).click();
      await theirs.getByRole('heading', { level: 1, name: 'web-01' }).waitFor();
      expect(await theirs.getByRole('button', { name: 'Actions' }).count()).toBe(0);
      expect(await theirs.getByRole('link', { name: 'Add a host' }).count()).toBe(0);
      await theirs.goto(`${dashboard.url}/settings/api-keys`);
      await theirs.getByRole('heading', { name: 'There is nothing at this address' }).waitFor();
      expect(theirMisdeeds.list).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test('a member becomes a viewer only after a question, and then loses the admin keys that they created', async () => {
    await open('/settings/members');
    await page.getByLabel('Email').fill('dan@example.org');
    await page.getByLabel('Role', { exact: true }).selectOption('admin');
    await page.getByRole('button', { name: 'Make an invitation' }).click();
    const link = await page.getByRole('region', { name: 'the invitation’s link' }).innerText();
    const other = await visit.context.browser()!.newContext();
    try {
      const { page: theirs } = await openPage(other);
      await theirs.goto(link.trim());
      await theirs.getByLabel('Your name').fill('Dan Admin');
      await theirs.getByLabel('Password').fill('another long passphrase');
      await theirs.getByRole('button', { name: 'Accept and sign in' }).click();
      await theirs.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
      const status = await theirs.evaluate(async () => {
        const body = JSON.stringify({ name: 'of dan', role: 'admin' });
        const headers = { 'Content-Type': 'application/json' };
        return (await fetch('/api/api-keys', { method: 'POST', headers, body })).status;
      });
      expect(status).toBe(201);
    } finally {
      await other.close();
    }
    const isRevoked = async () => {
      const { items } = await dashboard.api.call('listApiKeys');
      return items.find(({ name }) => name === 'of dan')!.revokedAt !== null;
    };
    await open('/settings/members');
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

  test('a session that ended leads to the door, and from there back to where one was', async () => {
    await open('/ports');
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
