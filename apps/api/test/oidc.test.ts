import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, type MemberRole } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { startIdentityProvider, type IdentityProvider, type Profile } from '@muster/testkit/identity-provider';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createApp } from '../src/app.js';
import { findOidcUser } from '../src/services/accounts/oidc-users.js';
import type { OidcOptions } from '../src/routes/accounts.js';
import { Browser } from './browser.js';
import { TestApi, useApi } from './harness.js';
import { member, PASSWORD, person } from './users.js';

const PUBLIC_URL = 'http://127.0.0.1:3000';
const CALLBACK_URL = PUBLIC_URL + Paths.oidcCallback;
const SECRET = 'one secret for all the processes of this test';

/** Opens a URL of the provider without cookies, follows its redirects, and returns the first URL of another server. */
async function visit({ issuer }: IdentityProvider, startUrl: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = startUrl;
  for (let steps = 0; url.startsWith(issuer); steps += 1) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const location = response.headers.get('location');
    if (location === null || steps > 10) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    url = new URL(location, url).href;
  }
  return url;
}

describe.each(testEngines())('sign-in with an identity provider on %s', (engine) => {
  const context = useApi(engine);
  let provider: IdentityProvider;
  let log: string;
  beforeAll(async () => {
    provider = await startIdentityProvider();
    provider.register(CALLBACK_URL);
  });
  afterAll(() => provider.close());
  beforeEach(() => {
    log = '';
  });

  /** Creates a process that uses this provider. */
  const api = (
    options: Partial<OidcOptions> = {},
    appOptions: Partial<Parameters<typeof createApp>[0]> = {},
  ): TestApi => {
    const { db, clock } = context.api;
    const write = (chunk: Buffer, _encoding: string, done: () => void) => {
      log += chunk.toString();
      done();
    };
    const logger = pino({ level: 'debug' }, new Writable({ write }));
    const { issuer, client } = provider;
    const oidc: OidcOptions = { issuer, ...client, name: 'Example', autoProvisionRole: null, ...options };
    const app = createApp({ db, now: clock, publicUrl: PUBLIC_URL, secret: SECRET, logger, oidc, ...appOptions });
    return new TestApi(db, app, clock);
  };

  /** Registers a person with the provider. The next browser that visits the provider is signed in as this person. */
  const registerVisitor = (profile: Profile): string => {
    const id = randomUUID();
    provider.people.set(id, profile);
    provider.visitor = id;
    return id;
  };

  const begin = async (browser: Browser, next?: string): Promise<string> => {
    const query = next === undefined ? '' : `?${new URLSearchParams({ next }).toString()}`;
    const answer = await browser.get(Paths.oidcSignIn + query);
    expect(answer.status).toBe(303);
    return answer.headers['location']!;
  };
  /** Follows the provider's redirect to the callback URL, and returns the location to which the API then redirects. */
  const end = async (browser: Browser, callback: string): Promise<string> => {
    const answer = await browser.get(callback.slice(PUBLIC_URL.length));
    expect(answer.status).toBe(303);
    return answer.headers['location']!;
  };
  const signIn = async (browser: Browser, next?: string): Promise<string> =>
    end(browser, await visit(provider, await begin(browser, next)));
  const refusalPath = (why: string, next = '/') =>
    `/sign-in?${new URLSearchParams({ why: `oidc-${why}`, next }).toString()}`;

  const invite = async (email: string, role: MemberRole) => {
    const organization = await context.api.organization();
    const owner = await person(context.api, organization.id, 'owner');
    await owner.browser.call('post', Paths.invitations, { email, role });
    return { organization, owner };
  };
  const newEmail = () => `${randomUUID()}@example.org`;
  const usersOf = (email: string) => context.api.db.prisma.user.count({ where: { email } });

  test('is offered with the provider’s name and the path that starts it', async () => {
    const { body } = await new Browser(api()).get(Paths.signInOptions);
    expect(body).toMatchObject({ oidc: { name: 'Example', startPath: Paths.oidcSignIn } });
  });

  test('is not found (404) without a provider', async () => {
    for (const path of [Paths.oidcSignIn, `${Paths.oidcCallback}?code=1`]) {
      expect((await new Browser(context.api).get(path)).status).toBe(404);
    }
  });

  test('makes an invited person a member, and redirects to the requested page', async () => {
    const email = newEmail();
    const { organization, owner } = await invite(email, 'admin');
    registerVisitor({ name: 'Ada', email: email.toUpperCase(), email_verified: true });
    const browser = new Browser(api());
    expect(await signIn(browser, '/containers?state=dead')).toBe('/containers?state=dead');

    const session = (await browser.get(Paths.session)).body as object;
    expect(session).toMatchObject({
      role: 'admin',
      organization: { id: organization.id },
      user: { name: 'Ada', email },
    });
    expect((await owner.browser.get(Paths.invitations)).body).toMatchObject({ items: [] });
    const { items } = (await owner.browser.get(Paths.audit)).body as { items: { action: string; actor: string }[] };
    const id = (session as { user: { id: string } }).user.id;
    expect(items.filter(({ actor }) => actor === `user:${id}`).map(({ action }) => action)).toEqual([
      'user.signed_in',
      'user.joined',
    ]);
    expect((await browser.get(Paths.hosts)).status).toBe(200);
  });

  test('creates one member for a first sign-in in several browsers at the same time', async () => {
    const { db, clock } = context.api;
    const email = newEmail();
    await invite(email, 'viewer');
    const known = await member(context.api, (await context.api.organization()).id, 'viewer');
    for (const verifiedEmail of [email, known.email]) {
      const person = { issuer: provider.issuer, subject: randomUUID(), name: 'Ada', verifiedEmail };
      const ids = await Promise.all([1, 2, 3, 4].map(() => findOidcUser(db, person, null, clock())));
      expect([new Set(ids).size, typeof ids[0]]).toEqual([1, 'string']);
      expect(await db.prisma.account.count({ where: { accountId: person.subject } })).toBe(1);
    }
  });

  test('finds a member by address once, and by the provider’s id from then on', async () => {
    const { id: organizationId } = await context.api.organization();
    const { id, email } = await member(context.api, organizationId, 'viewer');
    const subject = registerVisitor({ name: 'Another name', email, email_verified: true });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({ user: { id, name: 'The viewer' } });

    provider.people.set(subject, { email: newEmail(), email_verified: true });
    const again = new Browser(api());
    expect(await signIn(again)).toBe('/');
    expect((await again.get(Paths.session)).body).toMatchObject({ user: { id, email } });
    // The member's password remains valid.
    const byPassword = await new Browser(context.api).call('post', Paths.session, { email, password: PASSWORD });
    expect(byPassword.status).toBe(201);
  });

  test('refuses a password change of a member who has no password', async () => {
    const email = newEmail();
    await invite(email, 'viewer');
    registerVisitor({ email, email_verified: true });
    const browser = new Browser(api());
    await signIn(browser);
    const change = { currentPassword: PASSWORD, newPassword: 'another password altogether' };
    expect((await browser.call('put', Paths.password, change)).status).toBe(409);
  });

  test.each([
    ['a person without an account or an invitation', true, () => Promise.resolve(newEmail())],
    [
      'a person whose address the provider has not verified',
      false,
      async () => (await member(context.api, (await context.api.organization()).id, 'owner')).email,
    ],
  ])('refuses %s', async (_who, isVerified, emailOf) => {
    const email = await emailOf();
    const before = await usersOf(email);
    const subject = registerVisitor({ email, email_verified: isVerified });
    const browser = new Browser(api());
    expect(await signIn(browser, '/hosts')).toBe(refusalPath('unknown', '/hosts'));
    expect(browser.cookie).toBe('');
    expect(await usersOf(email)).toBe(before);
    expect(await context.api.db.prisma.account.count({ where: { accountId: subject } })).toBe(0);
  });

  test('records the refusal of an unknown person in the audit log, without identifying the person', async () => {
    const { prisma } = context.api.db;
    const failures = () => prisma.auditEntry.findMany({ where: { action: 'user.sign_in_failed' } });
    const known = new Set((await failures()).map(({ id }) => id));
    const email = newEmail();
    const subject = registerVisitor({ email, email_verified: true });
    await signIn(new Browser(api()));
    const entries = (await failures()).filter(({ id }) => !known.has(id));
    expect(entries).toMatchObject([{ target: 'system', details: { method: 'identity provider', count: 1 } }]);
    const text = JSON.stringify(entries.map(({ details }) => details));
    expect(text).not.toContain(email);
    expect(text).not.toContain(subject);
  });

  test('refuses a removed member', async () => {
    const { id: organizationId } = await context.api.organization();
    const owner = await person(context.api, organizationId, 'owner');
    const { id, email } = await member(context.api, organizationId, 'viewer');
    registerVisitor({ email, email_verified: true });
    const browser = new Browser(api());
    await signIn(browser);
    await owner.browser.call('delete', Paths.member.replace(':userId', id));
    expect((await browser.get(Paths.hosts)).status).toBe(401);
    expect(await signIn(new Browser(api()))).toBe(refusalPath('unknown'));
  });

  test('accepts unknown people if it is configured to, once there is an owner', async () => {
    registerVisitor({ name: 'Zoe', email: newEmail(), email_verified: true });
    const open = api({ autoProvisionRole: 'viewer' });
    expect(await signIn(new Browser(open))).toBe(refusalPath('unknown'));
    await member(context.api, 'default', 'owner');
    const browser = new Browser(open);
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({ role: 'viewer', organization: { id: 'default' } });
  });

  test.each([
    ['is too long', 'x'.repeat(100_000)],
    ['has a character that cannot be stored', 'A\0da'],
    ['is blank', ' '],
  ])('uses the address in place of a name that %s', async (_case, name) => {
    const email = newEmail();
    await invite(email, 'viewer');
    registerVisitor({ name, email, email_verified: true });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({ user: { name: email, email } });
  });

  test("does not match an address that equals a member's address only after conversion to lower case", async () => {
    const { id: organizationId } = await context.api.organization();
    const { email } = await member(context.api, organizationId, 'owner');
    // The Kelvin sign. In lower case, it is the letter k.
    const local = `\u212a${randomUUID()}`;
    await context.api.db.prisma.user.update({
      where: { email },
      data: { email: `${local.toLowerCase()}@example.org` },
    });
    registerVisitor({ name: 'Mallory', email: `${local}@example.org`, email_verified: true });
    expect(await signIn(new Browser(api()))).toBe(refusalPath('unknown'));
  });

  test('reports that the person declined', async () => {
    provider.visitor = null;
    expect(await signIn(new Browser(api()), '/ports')).toBe(refusalPath('refused', '/ports'));
  });

  test('can begin in one process and end in another', async () => {
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    registerVisitor({ email, email_verified: true });
    const browser = new Browser(api());
    const callback = await visit(provider, await begin(browser));
    expect(await end(browser.through(api()), callback)).toBe('/');
  });

  test('ends only in the browser that began it, and only once', async () => {
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    registerVisitor({ email, email_verified: true });
    const one = api();
    const browser = new Browser(one);
    const callback = await visit(provider, await begin(browser));
    // Another browser is refused, because an attacker could otherwise lure people to this URL, to sign them in to the
    // attacker's account.
    expect(await end(new Browser(one), callback)).toBe(refusalPath('mismatched'));
    const another = new Browser(one);
    await begin(another);
    expect(await end(another, callback)).toBe(refusalPath('mismatched'));
    expect(another.cookie).toBe('');

    const keepsAll = browser.through(one);
    expect(await end(browser, callback)).toBe('/');
    expect(await end(keepsAll, callback)).toBe(refusalPath('mismatched'));
    expect(await context.api.db.prisma.session.count({ where: { user: { email } } })).toBe(1);
  });

  test('reports that the provider is unavailable, and works again when it is back', async () => {
    const unavailableProvider = await startIdentityProvider();
    const one = api({ issuer: unavailableProvider.issuer });
    await unavailableProvider.close();
    expect(await begin(new Browser(one), '/ports')).toBe(refusalPath('unavailable', '/ports'));
    const back = await startIdentityProvider(Number(new URL(unavailableProvider.issuer).port));
    back.register(CALLBACK_URL);
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    back.people.set('ada', { email, email_verified: true });
    back.visitor = 'ada';
    const browser = new Browser(one);
    const callback = await visit(back, await begin(browser));
    await back.close();
    expect(await end(browser, callback)).toBe(refusalPath('unavailable'));
    expect(log).toContain('"refusal":"unavailable"');
  });

  test('redirects only to pages of this server', async () => {
    for (const next of ['https://example.org', '//example.org', '/\\example.org', 'javascript:alert(1)', '/a\nb']) {
      const answer = await new Browser(api()).get(`${Paths.oidcSignIn}?${new URLSearchParams({ next }).toString()}`);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ errors: [{ path: '/next', message: 'must be a path on this server' }] });
    }
  });

  test('keeps its secrets from scripts, other sites, URLs and the log', async () => {
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    registerVisitor({ email, email_verified: true });
    const one = api();
    const browser = new Browser(one);
    const answer = await browser.get(Paths.oidcSignIn);
    const [cookie = ''] = answer.headers['set-cookie'] as unknown as string[];
    expect(cookie).toMatch(/^muster_oidc=[^;]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    const attempt = /=([^.]+)/.exec(cookie)![1]!;
    const address = answer.headers['location']!;
    expect(address).not.toContain(attempt);
    expect(address).toContain('code_challenge_method=S256');
    const callback = await visit(provider, address);
    expect(await end(browser, callback)).toBe('/');
    const { searchParams } = new URL(callback);
    for (const secret of [attempt, searchParams.get('code')!, searchParams.get('state')!]) {
      expect(log).not.toContain(secret);
    }
    expect(log).not.toContain(provider.client.clientSecret);
    expect(log).toContain(Paths.oidcCallback);

    const https = api({}, { publicUrl: 'https://muster.example.org' });
    const [secure] = (await new Browser(https).get(Paths.oidcSignIn)).headers['set-cookie'] as unknown as string[];
    expect(secure).toMatch(/^__Host-muster_oidc=[^;]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  });

  test('is limited by address, as all sign-in attempts are', async () => {
    const one = api({}, { signInsPerMinute: 2 });
    const statuses = [];
    for (let tries = 0; tries < 3; tries += 1) statuses.push((await new Browser(one).get(Paths.oidcSignIn)).status);
    expect(statuses).toEqual([303, 303, 429]);
  });
});
