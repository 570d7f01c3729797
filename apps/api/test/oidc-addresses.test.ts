import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import type { Profile } from '@muster/testkit/identity-provider';
import type { OidcOptions } from '../src/routes/accounts.js';
import { Browser } from './browser.js';
import { useApi } from './harness.js';
import { newEmail, refusalPath, useProvider } from './oidc-visitors.js';
import { member, person } from './users.js';

describe.each(testEngines())('an email address from an identity provider on %s', (engine) => {
  const context = useApi(engine);
  const oidc = useProvider(context);
  const { api, registerVisitor, signIn, invite } = oidc;

  /**
   * Signs in a member whose profile depends on the address, and returns the location to which the browser is
   * redirected.
   */
  async function signInMember(profileOf: (email: string) => Profile, options: Partial<OidcOptions> = {}) {
    const { id: organizationId } = await context.api.organization();
    const { id, email } = await member(context.api, organizationId, 'viewer');
    const subject = registerVisitor(profileOf(email));
    const browser = new Browser(api(options));
    const location = await signIn(browser);
    if (location === '/') expect((await browser.get(Paths.session)).body).toMatchObject({ user: { id } });
    return { location, email, subject };
  }

  const stated = (emailVerified: unknown) => (email: string) => ({ email, email_verified: emailVerified }) as Profile;

  test.each<[string, (email: string) => Profile]>([
    ['true', stated(true)],
    ['the text true', stated('true')],
    ['the text True', stated('True')],
    ['true only at UserInfo', (email) => ({ email_verified: true, idToken: { email } })],
    [
      'true for the same address in capitals at UserInfo',
      (email) => ({ email: email.toUpperCase(), email_verified: 'true', idToken: { email } }),
    ],
    [
      'true in the ID token, while UserInfo has another address',
      (email) => ({ email: newEmail(), email_verified: false, idToken: { email, email_verified: true } }),
    ],
  ])('identifies a member if email_verified is %s', async (_value, profileOf) => {
    expect((await signInMember(profileOf)).location).toBe('/');
  });

  test.each<[string, (email: string) => Profile]>([
    ['absent', (email) => ({ email })],
    ['null', stated(null)],
    ['absent from the ID token and from UserInfo', (email) => ({ email, idToken: { email } })],
    ['true for another address', (email) => ({ email: newEmail(), email_verified: true, idToken: { email } })],
  ])('identifies a member only with MUSTER_OIDC_TRUST_EMAIL if email_verified is %s', async (_value, profileOf) => {
    const refused = await signInMember(profileOf);
    expect(refused.location).toBe(refusalPath('unverified'));
    expect(oidc.log).toMatch(/"refusal":"unverified".*set MUSTER_OIDC_TRUST_EMAIL=true/);
    expect((await signInMember(profileOf, { trustEmail: true })).location).toBe('/');
  });

  test.each<[string, (email: string) => Profile]>([
    ['false', stated(false)],
    ['the text false', stated('false')],
    ['a number', stated(1)],
    ['a list', stated([true])],
    ['false only at UserInfo', (email) => ({ email_verified: false, idToken: { email } })],
    [
      'true in the ID token and false at UserInfo',
      (email) => ({ email, email_verified: false, name: 'Ada', idToken: { email_verified: true } }),
    ],
  ])('is not trusted, even with MUSTER_OIDC_TRUST_EMAIL, if email_verified is %s', async (_value, profileOf) => {
    const { location } = await signInMember(profileOf, { trustEmail: true });
    expect(location).toBe(refusalPath('unverified'));
    expect(oidc.log).toContain('the provider states that the address is not verified');
    expect(oidc.log).not.toContain('MUSTER_OIDC_TRUST_EMAIL');
  });

  test('is required at the first sign-in', async () => {
    expect((await signInMember(() => ({ email_verified: true }))).location).toBe(refusalPath('no-email'));
    expect(oidc.log).toContain('the provider sent no valid email address');
  });

  test('is not logged when a sign-in is refused; the log has the reason and the person’s id at the provider', async () => {
    const email = newEmail();
    const subject = registerVisitor({ name: 'Eve', email, email_verified: true });
    expect(await signIn(new Browser(api()))).toBe(refusalPath('unknown'));
    expect(oidc.log).toContain('"reason":"no member and no open invitation has this address"');
    expect(oidc.log).toContain(`"subject":"${subject}"`);
    expect(oidc.log).not.toContain(email);
  });

  test('of a removed member can be invited again', async () => {
    const organization = await context.api.organization();
    const owner = await person(context.api, organization.id, 'owner');
    const { id, email } = await member(context.api, organization.id, 'viewer');
    registerVisitor({ email, email_verified: true });
    await owner.browser.call('delete', Paths.member.replace(':userId', id));
    expect(await signIn(new Browser(api()))).toBe(refusalPath('removed'));
    expect(oidc.log).toContain('the account was removed');
    await owner.browser.call('post', Paths.invitations, { email, role: 'viewer' });
    expect(await signIn(new Browser(api()))).toBe('/');
  });

  describe('with MUSTER_OIDC_DOMAINS', () => {
    const domains = new Set(['example.org', 'example.com']);

    test.each(['example.org', 'example.com', 'EXAMPLE.Com'])('may be in the domain %s', async (domain) => {
      const email = newEmail().replace('example.org', domain);
      await invite(email, 'viewer');
      registerVisitor({ email, email_verified: true });
      expect(await signIn(new Browser(api({ domains })))).toBe('/');
    });

    test.each([
      ['another domain', 'example.net'],
      ['a subdomain', 'sub.example.org'],
      ['a domain that ends with a listed one', 'notexample.org'],
      ['a domain that begins with a listed one', 'example.org.example.net'],
    ])('must not be in %s, even if it was invited', async (_which, domain) => {
      const email = newEmail().replace('example.org', domain);
      const { owner } = await invite(email, 'viewer');
      registerVisitor({ email, email_verified: true });
      expect(await signIn(new Browser(api({ domains })))).toBe(refusalPath('domain'));
      expect(oidc.log).toContain('not in MUSTER_OIDC_DOMAINS');
      // The invitation remains, so that the person can choose a password with its link.
      expect((await owner.browser.get(Paths.invitations)).body).toMatchObject({ items: [{ email }] });
    });

    test.each([
      ['an address within an address', '"ada@example.org"@example.net'],
      ['two at signs', 'ada@example.net@example.org'],
      ['a character that becomes a listed domain in lower case', 'ada@\u212aube.example.org'],
    ])('must be valid: %s', async (_which, email) => {
      registerVisitor({ email, email_verified: true });
      const open = api({ domains: new Set(['example.org', 'kube.example.org']), autoProvisionRole: 'viewer' });
      expect(await signIn(new Browser(open))).toBe(refusalPath('no-email'));
    });

    test('must still be allowed and verified at later sign-ins', async () => {
      const { subject, email } = await signInMember(stated(true), { domains });
      const again = () => signIn(new Browser(api({ domains })));
      oidc.provider.people.set(subject, { email: 'ada@example.net', email_verified: true });
      expect(await again()).toBe(refusalPath('domain'));
      oidc.provider.people.set(subject, { email, email_verified: false });
      expect(await again()).toBe(refusalPath('unverified'));
      expect(await signIn(new Browser(api()))).toBe('/');
      oidc.provider.people.set(subject, { email, email_verified: true });
      expect(await again()).toBe('/');
    });
  });
});

describe('a provider without UserInfo', () => {
  const context = useApi('pglite');
  const oidc = useProvider(context, false);

  test('can state all claims in the ID token', async () => {
    const { id: organizationId } = await context.api.organization();
    const { email } = await member(context.api, organizationId, 'viewer');
    oidc.registerVisitor({ idToken: { email, email_verified: true } });
    expect(await oidc.signIn(new Browser(oidc.api()))).toBe('/');
    oidc.registerVisitor({ idToken: { email } });
    expect(await oidc.signIn(new Browser(oidc.api()))).toBe(refusalPath('unverified'));
  });
});
