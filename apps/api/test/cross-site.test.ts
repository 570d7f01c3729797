import { beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { createApp } from '../src/app.js';
import { isSameOrigin } from '../src/http/origin.js';
import { Browser } from './browser.js';
import { TestApi, useApi } from './harness.js';
import { PASSWORD, person, type TestPerson } from './people.js';

describe('a page of another site', () => {
  const context = useApi('pglite');
  let ada: TestPerson;
  let api: TestApi;

  beforeAll(async () => {
    const { db, clock } = context.api;
    api = new TestApi(db, createApp({ db, now: clock, publicUrl: 'http://muster.example.org' }), clock);
    ada = await person(api, (await api.organization()).id, 'admin');
  });

  const create = (headers: Record<string, string>) =>
    ada.browser.call('post', Paths.enrollmentTokens, { name: 'made by a page' }, headers);

  test.each([
    ['that its browser names', { 'Sec-Fetch-Site': 'cross-site' }],
    ['of the same domain', { 'Sec-Fetch-Site': 'same-site' }],
    ['that pretends an origin', { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://muster.example.org' }],
    ['in an old browser', { Origin: 'http://evil.example.org' }],
    ['in a sandbox', { Origin: 'null' }],
    ['that says nothing', {}],
    ['on another port', { Origin: 'http://muster.example.org:8080' }],
  ])('%s changes nothing by the cookie', async (_which, headers: Record<string, string>) => {
    const before = await context.api.db.prisma.enrollmentToken.count();
    const { status, body } = await create(headers);
    expect([status, (body as { type: string }).type]).toEqual([403, '/problems/forbidden']);
    expect(await context.api.db.prisma.enrollmentToken.count()).toBe(before);
  });

  test.each([
    ['its browser says so', { 'Sec-Fetch-Site': 'same-origin' }],
    ['its origin is where browsers reach us', { Origin: 'http://muster.example.org' }],
    ['its origin is the host that it asked', { Origin: 'http://10.1.2.3:3000', Host: '10.1.2.3:3000' }],
  ])('is one of ours where %s', async (_why, headers: Record<string, string>) => {
    expect((await create(headers)).status).toBe(201);
  });

  test('may be read to by a browser, which keeps the answer from it', async () => {
    const { status } = await ada.browser.call('get', Paths.hosts, undefined, { 'Sec-Fetch-Site': 'cross-site' });
    expect(status).toBe(200);
  });

  test('is no matter to a key, which no browser sends by itself', async () => {
    const { adminKey } = await api.organization();
    const headers = { Authorization: `Bearer ${adminKey}`, 'Sec-Fetch-Site': 'cross-site' };
    expect((await create(headers)).status).toBe(201);
  });

  test('signs nobody in; a program, which has no page, does', async () => {
    const credentials = { email: ada.email, password: PASSWORD };
    const signIn = (headers: Record<string, string>) =>
      new Browser(api).call('post', Paths.session, credentials, headers);
    expect((await signIn({ 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await signIn({ Origin: 'http://evil.example.org' })).status).toBe(403);
    expect((await signIn({})).status).toBe(201);
  });

  test('is none where the browser does not say', () => {
    const silent = { secFetchSite: undefined, origin: undefined, host: 'muster.example.org' };
    expect(isSameOrigin(silent, 'http://muster.example.org')).toBeNull();
    expect(isSameOrigin({ ...silent, origin: 'nonsense' }, 'http://muster.example.org')).toBe(false);
  });

  test('that came without TLS is none of ours where we have it, be it of our host', () => {
    const plain = { secFetchSite: undefined, origin: 'http://10.1.2.3', host: '10.1.2.3' };
    expect(isSameOrigin(plain, 'https://muster.example.org')).toBe(false);
    expect(isSameOrigin({ ...plain, origin: 'https://10.1.2.3' }, 'https://muster.example.org')).toBe(true);
  });
});
