import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Page, Request } from 'playwright-core';
import { describeInChromium, OWNER, startDashboard, useBrowserPage, type Dashboard } from '../support/browser.js';

describeInChromium('the token of a one-time link', () => {
  const visit = useBrowserPage();
  let dashboard: Dashboard;
  let page: Page;
  let requests: Request[];

  beforeAll(async () => {
    dashboard = await startDashboard(null, { MUSTER_SIGN_INS_PER_MINUTE: '1000' });
  });
  afterAll(() => dashboard.close());
  beforeEach(() => {
    page = visit.page;
    requests = [];
    page.on('request', (request) => requests.push(request));
  });

  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const storedValues = (): Promise<string[]> => page.evaluate(() => Object.values(sessionStorage) as string[]);

  /** Expects that the token is not in the page's URL, the referrer of any request or the URL of any later request. */
  function expectHidden(token: string, path: string): void {
    expect(page.url()).toBe(dashboard.url + path);
    for (const request of requests) expect(request.headers()['referer'] ?? '').not.toContain(token);
    // The first request is skipped, because its URL is the link.
    for (const request of requests.slice(1)) expect(request.url()).not.toContain(token);
  }

  test('is removed from a setup link’s URL immediately, and from the tab after use', async () => {
    const link = new URL(await dashboard.muster.setupLink());
    const token = link.hash.replace('#token=', '');
    await page.goto(link.href);
    await heading('Welcome to Muster').waitFor();
    expectHidden(token, '/setup');

    await page.reload();
    await page.getByLabel('Your name').fill(OWNER.name);
    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await heading('Add a host').waitFor();
    expectHidden(token, '/add-host');
    expect(await storedValues()).not.toContain(token);
    await page.goBack();
    expect(page.url()).not.toContain(token);
  });

  async function invite(email: string): Promise<{ link: URL; token: string }> {
    const owner = await visit.context.browser()!.newContext();
    try {
      await dashboard.signIn(owner);
      const headers = { Origin: dashboard.url };
      const data = { email, role: 'viewer' };
      const response = await owner.request.post(`${dashboard.url}/api/invitations`, { headers, data });
      const { url } = (await response.json()) as { url: string };
      const link = new URL(url);
      return { link, token: link.hash.replace('#token=', '') };
    } finally {
      await owner.close();
    }
  }

  test.each(['#', '?'])('is removed from an invitation’s URL if it follows "%s"', async (delimiter) => {
    const { token } = await invite(`${delimiter === '#' ? 'fragment' : 'query'}@example.org`);
    await page.goto(`${dashboard.url}/invitation${delimiter}token=${token}`);
    await page.getByLabel('Your name').waitFor();
    expectHidden(token, '/invitation');
    await page.reload();
    await page.getByLabel('Your name').waitFor();
  });

  test('replaces the token of an earlier link in the same tab', async () => {
    const firstInvitation = await invite('first@example.org');
    const secondInvitation = await invite('second@example.org');
    await page.goto(firstInvitation.link.href);
    await page.getByText('first@example.org').waitFor();
    await page.evaluate((href) => void (window.location.href = href), secondInvitation.link.href);
    await page.getByText('second@example.org').waitFor();
    expectHidden(secondInvitation.token, '/invitation');
    await page.getByLabel('Your name').fill('Second');
    await page.getByLabel('Password').fill('another long passphrase');
    await page.getByRole('button', { name: 'Accept and sign in' }).click();
    await page.getByRole('heading', { name: 'No hosts yet' }).waitFor();
  });

  test('can be used in a browser that blocks storage', async () => {
    const { link, token } = await invite('private@example.org');
    await page.addInitScript(() => {
      Object.defineProperty(window, 'sessionStorage', {
        get() {
          throw new DOMException('refused', 'SecurityError');
        },
      });
    });
    await page.goto(link.href);
    await page.getByText('private@example.org').waitFor();
    expectHidden(token, '/invitation');
  });
});
