import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createApp } from '../src/app.js';
import { ADDRESSES_MAX, FAILURE_WINDOW_MS } from '../src/services/accounts/failed-sign-ins.js';
import { Browser } from './browser.js';
import { TestApi, testClock, useApi } from './harness.js';
import { TestServer } from './test-server.js';
import { PASSWORD, person } from './users.js';

describe.each(testEngines())('sign-in on %s', (engine) => {
  const context = useApi(engine);
  const newPerson = async () => person(context.api, (await context.api.organization()).id, 'viewer');
  const signIn = (email: string, password: string, api = context.api) =>
    new Browser(api).call('post', Paths.session, { email, password });

  test('gives a session cookie with which a person can read until they sign out', async () => {
    const { browser, email } = await newPerson();
    const session = await browser.get(Paths.session);
    expect(session.body).toMatchObject({ role: 'viewer', user: { email }, apiKey: null });
    expect((await browser.get(Paths.hosts)).status).toBe(200);
    const copiedBrowser = browser.through(context.api);
    expect((await browser.call('delete', Paths.session)).status).toBe(204);
    expect(browser.cookie).toBe('');
    // Sign-out ends the session, so a copy of the cookie is no longer valid.
    expect((await copiedBrowser.get(Paths.hosts)).status).toBe(401);
  });

  test('is ended by a sign-out, which also closes an open stream', async () => {
    const { browser } = await newPerson();
    const server = await TestServer.start(context.api.app);
    const stream = await server.listen({ cookie: browser.cookie });
    await stream.until(() => stream.of('summary').length > 0);
    await browser.call('delete', Paths.session);
    await stream.ended;
    expect(stream.messages.at(-1)).toEqual({ event: 'unauthorized', data: {} });
    await server.close();
  });

  test('works if the browser also sends credentials for a proxy in front of the API', async () => {
    const { browser } = await newPerson();
    const proxys = { Authorization: `Basic ${Buffer.from('ops:secret').toString('base64')}` };
    expect((await browser.call('get', Paths.hosts, undefined, proxys)).status).toBe(200);
  });

  test('ignores the difference between upper and lower case in an email address', async () => {
    const { email } = await newPerson();
    expect((await signIn(email.toUpperCase(), PASSWORD)).status).toBe(201);
  });

  test('does not reveal whether the email address or the password is wrong', async () => {
    const { email } = await newPerson();
    const answers = [await signIn(email, 'not the password'), await signIn('nobody@example.org', PASSWORD)];
    for (const { status, body, headers } of answers) {
      expect(status).toBe(401);
      expect(headers['set-cookie']).toBeUndefined();
      expect(headers['www-authenticate']).toBeDefined();
      const { requestId: _id, ...problem } = body as Record<string, unknown>;
      expect(problem).toEqual({
        type: '/problems/credentials-invalid',
        title: 'Not signed in',
        status: 401,
        detail: 'Wrong email address or password.',
      });
    }
  });

  test('sets a cookie that no script can read and no other site can send', async () => {
    const { email } = await newPerson();
    const [cookie] = (await signIn(email, PASSWORD)).headers['set-cookie'] as unknown as string[];
    expect(cookie).toMatch(/^muster_session=[^;]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  test('over https sets a cookie for https and this host only', async () => {
    const { email } = await newPerson();
    const { db, clock } = context.api;
    const api = new TestApi(db, createApp({ db, now: clock, publicUrl: 'https://muster.example.org' }), clock);
    const answer = await signIn(email, PASSWORD, api);
    const [cookie] = answer.headers['set-cookie'] as unknown as string[];
    expect(cookie).toMatch(/^__Host-muster_session=[^;]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  });

  test('stores nothing from which someone who reads the database could make a valid cookie', async () => {
    const { browser, id } = await newPerson();
    const { token } = await context.api.db.prisma.session.findFirstOrThrow({ where: { userId: id } });
    const [, value = ''] = browser.cookie.split('=');
    const [presented = '', signature = ''] = decodeURIComponent(value).split('.');
    expect(token).not.toContain(presented);
    expect(presented).not.toContain(token);
    const readWith = (cookie: string) =>
      context.api.http.get(Paths.hosts).set('Cookie', `muster_session=${encodeURIComponent(cookie)}`);
    await readWith(`${presented}.${signature}`).expect(200);
    await readWith(`${token}.${signature}`).expect(401);
    await readWith(presented).expect(401);
    await readWith(`${presented}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`).expect(401);
  });

  test('lasts for a week after its last use, and no longer', async () => {
    const { browser, id } = await newPerson();
    const { prisma } = context.api.db;
    const at = (ms: number) => new Date(Date.now() + ms);
    const HOUR_MS = 3_600_000;
    // The session is two hours old, so the next call extends it.
    const aged = { expiresAt: at(7 * 24 * HOUR_MS - 2 * HOUR_MS), updatedAt: at(-2 * HOUR_MS) };
    await prisma.session.updateMany({ where: { userId: id }, data: aged });
    const answer = await browser.get(Paths.hosts);
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']).toBeDefined();
    const { expiresAt } = await prisma.session.findFirstOrThrow({ where: { userId: id } });
    expect(expiresAt.getTime()).toBeGreaterThan(aged.expiresAt.getTime() + HOUR_MS);
    expect((await browser.get(Paths.hosts)).headers['set-cookie']).toBeUndefined();

    await prisma.session.updateMany({ where: { userId: id }, data: { expiresAt: at(-1) } });
    expect((await browser.get(Paths.hosts)).status).toBe(401);
    expect(browser.cookie).toBe('');
  });

  test.each([
    ['ahead', 2 * 3_600_000],
    ['behind', -2 * 3_600_000],
  ])(
    'creates a session that begins, is extended and ends by the database’s clock, even if the process’s clock is %s',
    async (_what, skewMs) => {
      const { db } = context.api;
      const now = () => new Date(Date.now() - skewMs);
      const app = createApp({ db, now, skewMs: () => skewMs });
      const api = new TestApi(db, app, Object.assign(now, { advance: () => undefined }));
      const { browser, id } = await person(api, (await api.organization()).id, 'viewer');
      const row = () => db.prisma.session.findFirstOrThrow({ where: { userId: id } });
      const secondsFromNow = (date: Date) => Math.round((date.getTime() - now().getTime()) / 60_000) * 60 + 0;
      const WEEK_SECONDS = 7 * 86_400;
      const { createdAt, updatedAt, expiresAt } = await row();
      expect([createdAt, updatedAt, expiresAt].map(secondsFromNow)).toEqual([0, 0, WEEK_SECONDS]);
      const shown = (await browser.get(Paths.session)).body as { expiresAt: string };
      expect(secondsFromNow(new Date(shown.expiresAt))).toBe(WEEK_SECONDS);
      const expireIn = (ms: number) =>
        db.prisma.session.updateMany({ where: { userId: id }, data: { expiresAt: new Date(now().getTime() + ms) } });

      await expireIn(600_000);
      expect((await browser.get(Paths.hosts)).status).toBe(200);
      expect(secondsFromNow((await row()).expiresAt)).toBe(WEEK_SECONDS);
      await expireIn(600_000);
      expect(((await browser.get(Paths.sessions)).body as { items: object[] }).items).toHaveLength(1);
      await expireIn(-1);
      expect((await browser.get(Paths.hosts)).status).toBe(401);
    },
  );

  test('is refused for a person without an organization', async () => {
    const { email, id } = await newPerson();
    await context.api.db.prisma.member.delete({ where: { userId: id } });
    expect((await signIn(email, PASSWORD)).status).toBe(401);
    expect(await context.api.db.prisma.session.count({ where: { userId: id } })).toBe(1);
  });

  test('gives a session cookie that is ignored in a call with an API key', async () => {
    const organization = await context.api.organization();
    const { browser } = await person(context.api, organization.id, 'viewer');
    const authorization = `Bearer ${organization.adminKey}`;
    const { body } = await browser.call('get', Paths.session, undefined, { authorization });
    expect(body).toMatchObject({ role: 'admin', user: null, apiKey: { name: 'admin' }, expiresAt: null });
  });

  test('is recorded in the audit log', async () => {
    const organization = await context.api.organization();
    const { browser, id } = await person(context.api, organization.id, 'admin');
    await browser.call('delete', Paths.session);
    const { body } = await organization.get(Paths.audit);
    const { items } = body as { items: { action: string; actor: string; actorName: string }[] };
    expect(items.map(({ action, actor, actorName }) => [action, actor, actorName])).toEqual([
      ['user.signed_out', `user:${id}`, 'The admin'],
      ['user.signed_in', `user:${id}`, 'The admin'],
      ['user.joined', `user:${id}`, 'The admin'],
    ]);
  });
});

describe.each(testEngines())('failed sign-ins on %s', (engine) => {
  const context = useApi(engine);

  async function setUpFailures() {
    const { db, clock } = context.api;
    const elapsed = { ms: 0 };
    const app = createApp({ db, now: clock, trustProxy: 1, elapsedMs: () => elapsed.ms });
    const api = new TestApi(db, app, clock);
    const organization = await api.organization();
    const visitor = await person(api, organization.id, 'admin');
    const fail = (email: string, address = '203.0.113.1') =>
      new Browser(api).call(
        'post',
        Paths.session,
        { email, password: 'wrong' },
        { 'X-Forwarded-For': address, 'Sec-Fetch-Site': 'same-origin' },
      );
    const entries = (organizationId = organization.id) =>
      db.prisma.auditEntry.findMany({
        where: { organizationId, action: 'user.sign_in_failed' },
        orderBy: { id: 'asc' },
      });
    return { api, elapsed, organization, visitor, fail, entries };
  }

  test('are in the audit log of the account’s organization, with the last IP address and the number of attempts', async () => {
    const { elapsed, visitor, fail, entries } = await setUpFailures();
    const common = { actor: 'system', target: `user:${visitor.id}` };
    const first = { address: '203.0.113.1', method: 'password', count: 1 };
    await fail(visitor.email.toUpperCase());
    expect(await entries()).toMatchObject([{ ...common, details: first }]);
    await Promise.all([fail(visitor.email), fail(visitor.email)]);
    const change = { currentPassword: 'wrong', newPassword: 'a quite different one' };
    await visitor.browser.call('put', Paths.password, change, {
      'X-Forwarded-For': '203.0.113.9',
      'Sec-Fetch-Site': 'same-origin',
    });
    const counted = { address: '203.0.113.9', method: 'password change', count: 4 };
    expect(await entries()).toMatchObject([{ ...common, details: counted }]);
    elapsed.ms += FAILURE_WINDOW_MS;
    await fail(visitor.email);
    expect(await entries()).toMatchObject([{ details: counted }, { ...common, details: first }]);
  });

  test('keep the first ADDRESSES_MAX IP addresses, so that later addresses cannot displace the address of an attacker', async () => {
    const { elapsed, visitor, fail, entries } = await setUpFailures();
    const fromMany = async (count: number) => {
      for (let i = 0; i < count; i++) {
        elapsed.ms += 10_000;
        await fail(visitor.email, `203.0.113.${i}`);
      }
    };
    await fromMany(3);
    await fail(visitor.email, '203.0.113.0');
    const addresses = ['203.0.113.0', '203.0.113.1', '203.0.113.2'];
    expect(await entries()).toMatchObject([{ details: { address: '203.0.113.0', count: 4, addresses } }]);
    await fromMany(ADDRESSES_MAX + 5);
    const [entry] = await entries();
    const details = entry!.details as { address: string; addresses: string[] };
    expect(details.address).toBe(`203.0.113.${ADDRESSES_MAX + 4}`);
    expect(details.addresses).toHaveLength(ADDRESSES_MAX);
    expect(details.addresses.slice(0, 3)).toEqual(addresses);
  });

  test('for accounts that do not exist share one audit entry, which identifies no account', async () => {
    const { api, elapsed, fail, entries } = await setUpFailures();
    const { id } = await api.db.prisma.organization.findFirstOrThrow({
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    });
    const before = (await entries(id)).length;
    for (let i = 0; i < 20; i++) await fail(`nobody-${i}@example.org`, `203.0.113.${i}`);
    const added = (await entries(id)).slice(before);
    expect(added).toMatchObject([{ target: 'system', details: { address: '203.0.113.19', count: 20 } }]);
    expect(JSON.stringify(added.map(({ details }) => details))).not.toContain('nobody');
    elapsed.ms += FAILURE_WINDOW_MS;
    await fail('nobody@example.org');
    expect((await entries(id)).length).toBe(before + 2);
  });

  test('include a sign-in that creates no session because its audit entry cannot be written', async () => {
    const { api, visitor } = await setUpFailures();
    const { prisma } = api.db;
    await prisma.$executeRaw`
      CREATE FUNCTION refuse_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`;
    await prisma.$executeRaw`
      CREATE TRIGGER refuse BEFORE INSERT ON audit_entries FOR EACH ROW
      WHEN (NEW.action = 'user.signed_in') EXECUTE FUNCTION refuse_entry()`;
    try {
      await expect(visitor.signIn()).rejects.toThrow('could not sign in');
      expect(await prisma.session.count({ where: { userId: visitor.id } })).toBe(1);
    } finally {
      await prisma.$executeRaw`DROP FUNCTION refuse_entry() CASCADE`;
    }
  });
});

describe('sign-in attempts', () => {
  const context = useApi('pglite');

  /** Creates an application whose clock does not advance, so that the limits are not refilled. */
  const createLimitedApi = (signInsPerMinute: number) => {
    const { db } = context.api;
    const elapsed = { ms: 0 };
    const app = createApp({ db, signInsPerMinute, trustProxy: 1, elapsedMs: () => elapsed.ms });
    return { api: new TestApi(db, app, testClock()), elapsed };
  };
  const attemptSignIn = (api: TestApi, email: string, address: string) =>
    new Browser(api).call('post', Paths.session, { email, password: 'wrong' }, { 'X-Forwarded-For': address });

  test('are limited by IP address, with Retry-After, and are possible again later', async () => {
    const { api, elapsed } = createLimitedApi(4);
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await attemptSignIn(api, `x${i}@example.org`, '203.0.113.1')).status);
    expect(statuses).toEqual([401, 401, 401, 401, 429]);
    const refused = await attemptSignIn(api, 'y@example.org', '203.0.113.1');
    expect(refused.headers['retry-after']).toBe('15');
    expect((await attemptSignIn(api, 'y@example.org', '203.0.113.2')).status).toBe(401);
    elapsed.ms += 15_000;
    expect((await attemptSignIn(api, 'y@example.org', '203.0.113.1')).status).toBe(401);
  });

  test('are limited by account, regardless of the IP address', async () => {
    const { api } = createLimitedApi(4);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await attemptSignIn(api, 'Same@example.org', `203.0.113.${i}`)).status);
    expect(statuses).toEqual([401, 401, 429]);
  });

  test('include sign-ins with the right password and attempts to change the password', async () => {
    const { api } = createLimitedApi(2);
    const { browser } = await person(api, (await api.organization()).id, 'viewer');
    const change = { currentPassword: 'not right', newPassword: 'a quite different one' };
    expect((await browser.call('put', Paths.password, change)).status).toBe(400);
    expect((await browser.call('put', Paths.password, change)).status).toBe(429);
  });
});
