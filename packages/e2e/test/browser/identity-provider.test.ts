import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { startIdentityProvider, type IdentityProvider, type Profile } from '@muster/testkit/identity-provider';
import { describeInChromium, OWNER, startDashboard, useBrowserPage, type Dashboard } from '../support/browser.js';

const VERIFIED = { email_verified: true };

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
      ...{ MUSTER_OIDC_ROLE_CLAIM: 'groups', MUSTER_OIDC_ROLES: 'ops-admins:admin,everyone:viewer' },
      ...{ MUSTER_OIDC_DOMAINS: 'example.org,example.com' },
    });
    provider.register(dashboard.url + Paths.oidcCallback);
    provider.people.set('ada', { email: OWNER.email, email_verified: true });
    provider.people.set('eve', { email: 'eve@example.org', email_verified: true, groups: ['guests'] });
  });
  afterAll(async () => {
    await dashboard.close();
    await provider.close();
  });

  const signInLink = () => visit.page.getByRole('link', { name: 'Sign in with Example Inc.' });

  test('takes a member to the requested page, and rejects users without an account', async () => {
    const { page, context } = visit;
    // Create the owner account, and then remove its session.
    await dashboard.signIn(context);
    await context.clearCookies();

    provider.visitor = 'eve';
    await page.goto(`${dashboard.url}/ports?port=443`);
    await signInLink().click();
    await page.getByText('None of your groups gives you access to this Muster server', { exact: false }).waitFor();
    // Also end the session at the identity provider.
    await context.clearCookies();

    provider.visitor = 'ada';
    await signInLink().click();
    await page.getByRole('heading', { level: 1, name: 'Ports' }).waitFor();
    expect(page.url()).toBe(`${dashboard.url}/ports?port=443`);
    const session = await context.request.get(dashboard.url + Paths.session);
    expect(await session.json()).toMatchObject({ user: { email: OWNER.email }, role: 'owner' });
  });

  test.each<[string, Profile, string]>([
    ['sends no address', { groups: ['everyone'] }, 'sent no email address that Muster can use'],
    ['does not confirm the address', { email: 'zoe@example.org' }, 'does not confirm your email address'],
    ['has an address of another domain', { ...VERIFIED, email: 'zoe@example.net' }, 'addresses of your domain may not'],
    ['sends too many groups', { ...VERIFIED, email: 'zoe@example.org', hasgroups: true }, 'in so many groups'],
  ])('shows the reason for a refusal if the provider %s', async (_case, profile, message) => {
    const { page } = visit;
    provider.people.set('zoe', profile);
    provider.visitor = 'zoe';
    await page.goto(`${dashboard.url}/sign-in`);
    await signInLink().click();
    await page.getByText(message, { exact: false }).waitFor();
  });

  test('gives the role of the user’s groups, and ends all sessions once no group grants a role', async () => {
    const { page, context } = visit;
    const zoe: Profile = { ...VERIFIED, name: 'Zoe', email: 'zoe@example.com' };
    provider.people.set('zoe', { ...zoe, groups: ['ops-admins'] });
    provider.visitor = 'zoe';
    await page.goto(`${dashboard.url}/hosts`);
    await signInLink().click();
    await page.getByRole('heading', { level: 1, name: 'Hosts' }).waitFor();
    const sessionUrl = dashboard.url + Paths.session;
    expect(await (await context.request.get(sessionUrl)).json()).toMatchObject({ role: 'admin' });

    // Another tab signs in again after the user has left the group. This also ends the session of the first tab.
    provider.people.set('zoe', { ...zoe, groups: ['guests'] });
    const tab = await context.newPage();
    await tab.goto(`${dashboard.url}/sign-in`);
    await tab.getByRole('link', { name: 'Sign in with Example Inc.' }).click();
    await tab.getByText('so you have been signed out everywhere', { exact: false }).waitFor();
    expect((await context.request.get(sessionUrl)).status()).toBe(401);
    await page.getByText('Your session has ended', { exact: false }).waitFor();
  });
});
