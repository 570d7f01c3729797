import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { startIdentityProvider, type IdentityProvider } from '@muster/testkit/identity-provider';
import { describeInChromium, OWNER, startDashboard, useBrowserPage, type Dashboard } from '../support/browser.js';

describeInChromium('signing in with an identity provider', () => {
  const visit = useBrowserPage();
  let provider: IdentityProvider;
  let dashboard: Dashboard;

  beforeAll(async () => {
    provider = await startIdentityProvider();
    const { issuer, client } = provider;
    dashboard = await startDashboard(null, {
      ...{ MUSTER_OIDC_ISSUER: issuer, MUSTER_OIDC_NAME: 'Example Inc.' },
      ...{ MUSTER_OIDC_CLIENT_ID: client.clientId, MUSTER_OIDC_CLIENT_SECRET: client.clientSecret },
    });
    provider.register(dashboard.url + Paths.oidcCallback);
    provider.people.set('ada', { email: OWNER.email, email_verified: true });
    provider.people.set('eve', { email: 'eve@example.org', email_verified: true });
  });
  afterAll(async () => {
    await dashboard.close();
    await provider.close();
  });

  const signInLink = () => visit.page.getByRole('link', { name: 'Sign in with Example Inc.' });

  test('leads a member to the requested page, and rejects users without an account', async () => {
    const { page, context } = visit;
    // Create the owner account, and then remove its session.
    await dashboard.signIn(context);
    await context.clearCookies();

    provider.visitor = 'eve';
    await page.goto(`${dashboard.url}/ports?port=443`);
    await signInLink().click();
    await page.getByText('You have no account on this Muster server', { exact: false }).waitFor();
    // End the session at the identity provider, too.
    await context.clearCookies();

    provider.visitor = 'ada';
    await signInLink().click();
    await page.getByRole('heading', { level: 1, name: 'Ports' }).waitFor();
    expect(page.url()).toBe(`${dashboard.url}/ports?port=443`);
    const session = await context.request.get(dashboard.url + Paths.session);
    expect(await session.json()).toMatchObject({ user: { email: OWNER.email }, role: 'owner' });
  });
});
