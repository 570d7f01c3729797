import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { startIdentityProvider } from '@muster/testkit/identity-provider';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lockMember } from '../src/services/accounts/members.js';
import { findOidcUser } from '../src/services/accounts/oidc-users.js';
import { Browser } from './browser.js';
import { useApi } from './harness.js';
import { CALLBACK_URL, INVITED_ONLY, newEmail, refusalPath, useProvider, visit } from './oidc-visitors.js';
import { member, PASSWORD, person } from './users.js';

describe.each(testEngines())('sign-in with an identity provider on %s', (engine) => {
  const context = useApi(engine);
  const oidc = useProvider(context);
  const { api, registerVisitor, begin, end, signIn, invite } = oidc;
  const usersOf = (email: string) => context.api.db.prisma.user.count({ where: { email } });

  test('is offered with the provider’s name and the path that starts the sign-in', async () => {
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
    const invitedEmail = newEmail();
    await invite(invitedEmail, 'viewer');
    const known = await member(context.api, (await context.api.organization()).id, 'viewer');
    for (const email of [invitedEmail, known.email]) {
      const subject = randomUUID();
      const claims = { name: 'Ada', email, isEmailVerified: true, groups: 'absent' } as const;
      const person = { issuer: oidc.provider.issuer, subject, ...claims };
      const decisions = await Promise.all([1, 2, 3, 4].map(() => findOidcUser(db, person, INVITED_ONLY, clock())));
      const ids = decisions.map(({ userId }) => userId);
      expect([new Set(ids).size, typeof ids[0]]).toEqual([1, 'string']);
      expect(await db.prisma.account.count({ where: { accountId: subject } })).toBe(1);
    }
  });

  test('finds a member by email address at the first sign-in, and by the provider’s id after that', async () => {
    const { id: organizationId } = await context.api.organization();
    const { id, email } = await member(context.api, organizationId, 'viewer');
    const subject = registerVisitor({ name: 'Another name', email, email_verified: true });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({ user: { id, name: 'The viewer' } });

    oidc.provider.people.set(subject, { email: newEmail(), email_verified: true });
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
    ['a person without an account or an invitation', true, 'unknown', () => Promise.resolve(newEmail())],
    [
      'a person whose email address the provider has not verified',
      false,
      'unverified',
      async () => (await member(context.api, (await context.api.organization()).id, 'owner')).email,
    ],
  ])('refuses %s', async (_who, isVerified, refusal, emailOf) => {
    const email = await emailOf();
    const before = await usersOf(email);
    const subject = registerVisitor({ email, email_verified: isVerified });
    const browser = new Browser(api());
    expect(await signIn(browser, '/hosts')).toBe(refusalPath(refusal, '/hosts'));
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
    expect(await signIn(new Browser(api()))).toBe(refusalPath('removed'));
  });

  test('accepts an invitation of a removed member whose identity at the provider is still stored', async () => {
    const { prisma } = context.api.db;
    const known = await member(context.api, (await context.api.organization()).id, 'viewer');
    const subject = registerVisitor({ email: known.email, email_verified: true });
    expect(await signIn(new Browser(api()))).toBe('/');
    await prisma.member.delete({ where: { userId: known.id } });
    const email = newEmail();
    const { organization } = await invite(email, 'admin');
    // The address has changed as well, so the identity now belongs to another user.
    oidc.provider.people.set(subject, { email, email_verified: true });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    const session = { role: 'admin', organization: { id: organization.id }, user: { email } };
    expect((await browser.get(Paths.session)).body).toMatchObject(session);
    expect(await prisma.account.findMany({ where: { accountId: subject }, include: { user: true } })).toMatchObject([
      { user: { email } },
    ]);
  });

  test('stores no identity for a member who is removed during the first sign-in', async () => {
    const { db, clock } = context.api;
    const { id, email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    const subject = randomUUID();
    const claims = { name: 'Ada', email, isEmailVerified: true, groups: 'absent' } as const;
    let decision: ReturnType<typeof findOidcUser> | undefined;
    await db.prisma.$transaction(async (tx) => {
      const { organizationId } = await tx.member.findUniqueOrThrow({ where: { userId: id } });
      await lockMember(tx, organizationId, id);
      decision = findOidcUser(db, { issuer: oidc.provider.issuer, subject, ...claims }, INVITED_ONLY, clock());
      await new Promise((resolve) => setTimeout(resolve, 300));
      await tx.member.delete({ where: { userId: id } });
      await tx.account.deleteMany({ where: { userId: id } });
    });
    expect(await decision).toMatchObject({ refusal: 'removed' });
    expect(await db.prisma.account.count({ where: { accountId: subject } })).toBe(0);
  });

  test('accepts unknown people if MUSTER_OIDC_STRANGER_ROLE allows them, after the first owner was created', async () => {
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
  ])('uses the email address instead of a name that %s', async (_case, name) => {
    const email = newEmail();
    await invite(email, 'viewer');
    registerVisitor({ name, email, email_verified: true });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({ user: { name: email, email } });
  });

  test("does not match an email address that equals a member's address only after conversion to lower case", async () => {
    const { id: organizationId } = await context.api.organization();
    const { email } = await member(context.api, organizationId, 'owner');
    // The Kelvin sign, whose lower-case form is the letter k.
    const local = `\u212a${randomUUID()}`;
    await context.api.db.prisma.user.update({
      where: { email },
      data: { email: `${local.toLowerCase()}@example.org` },
    });
    registerVisitor({ name: 'Mallory', email: `${local}@example.org`, email_verified: true });
    expect(await signIn(new Browser(api()))).toBe(refusalPath('no-email'));
  });

  test('reports that the person declined', async () => {
    oidc.provider.visitor = null;
    expect(await signIn(new Browser(api()), '/ports')).toBe(refusalPath('refused', '/ports'));
  });

  test('can begin in one process and end in another process', async () => {
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    registerVisitor({ email, email_verified: true });
    const browser = new Browser(api());
    const callback = await visit(oidc.provider, await begin(browser));
    expect(await end(browser.through(api()), callback)).toBe('/');
  });

  test('succeeds only in the browser that began it, and only once', async () => {
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    registerVisitor({ email, email_verified: true });
    const one = api();
    const browser = new Browser(one);
    const callback = await visit(oidc.provider, await begin(browser));
    // Another browser is refused. Otherwise, an attacker could lure a person to this URL, and that person would be
    // signed in to the attacker's account.
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

  test('reports that the provider is unavailable, and works again when the provider is back', async () => {
    const unavailableProvider = await startIdentityProvider();
    const one = api({ issuer: unavailableProvider.issuer });
    await unavailableProvider.close();
    expect(await begin(new Browser(one), '/ports')).toBe(refusalPath('unavailable', '/ports'));
    expect(oidc.log).toContain('"causeCode":"ECONNREFUSED"');
    const back = await startIdentityProvider(Number(new URL(unavailableProvider.issuer).port));
    back.register(CALLBACK_URL);
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    back.people.set('ada', { email, email_verified: true });
    back.visitor = 'ada';
    const browser = new Browser(one);
    const callback = await visit(back, await begin(browser));
    await back.close();
    expect(await end(browser, callback)).toBe(refusalPath('unavailable'));
    expect(oidc.log).toContain('"refusal":"unavailable"');
  });

  test('reports a wrong client secret as a configuration error, and logs the error code of the provider', async () => {
    const { email } = await member(context.api, (await context.api.organization()).id, 'viewer');
    registerVisitor({ email, email_verified: true });
    const clientSecret = 'a secret that was replaced at the provider';
    expect(await signIn(new Browser(api({ clientSecret })))).toBe(refusalPath('unavailable'));
    expect(oidc.log).toContain('"providerError":"invalid_client"');
    expect(oidc.log).not.toContain(clientSecret);
  });

  test.each([
    ['a wrong client secret', 'invalid_client', 'unavailable'],
    ['a client that may not use this flow', 'unauthorized_client', 'unavailable'],
    ['an outage', 'temporarily_unavailable', 'unavailable'],
    ['an overlong error code', 'x'.repeat(1_000), 'unavailable'],
    ['a used code', 'invalid_grant', 'mismatched'],
  ])('reports %s that the provider states in the body of its response', async (_case, error, failure) => {
    const server = createServer((req, res) => {
      const { port } = server.address() as AddressInfo;
      const issuer = `http://127.0.0.1:${port}`;
      const metadata = {
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
      };
      const isToken = req.url === '/token';
      res.writeHead(isToken ? 400 : 200, { 'content-type': 'application/json' });
      res.end(JSON.stringify(isToken ? { error } : metadata));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const one = api({ issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const browser = new Browser(one);
    const state = new URL(await begin(browser)).searchParams.get('state')!;
    expect(await end(browser, `${CALLBACK_URL}?code=1&state=${state}`)).toBe(refusalPath(failure));
    expect(oidc.log).toContain(`"providerError":"${error.slice(0, 100)}"`);
    server.closeAllConnections();
    server.close();
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
    const callback = await visit(oidc.provider, address);
    expect(await end(browser, callback)).toBe('/');
    const { searchParams } = new URL(callback);
    for (const secret of [attempt, searchParams.get('code')!, searchParams.get('state')!]) {
      expect(oidc.log).not.toContain(secret);
    }
    expect(oidc.log).not.toContain(oidc.provider.client.clientSecret);
    expect(oidc.log).toContain(Paths.oidcCallback);

    const https = api({}, { publicUrl: 'https://muster.example.org' });
    const [secure] = (await new Browser(https).get(Paths.oidcSignIn)).headers['set-cookie'] as unknown as string[];
    expect(secure).toMatch(/^__Host-muster_oidc=[^;]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  });

  test('is limited by IP address, like all sign-in attempts', async () => {
    const one = api({}, { signInsPerMinute: 2 });
    const statuses = [];
    for (let tries = 0; tries < 3; tries += 1) statuses.push((await new Browser(one).get(Paths.oidcSignIn)).status);
    expect(statuses).toEqual([303, 303, 429]);
  });
});
