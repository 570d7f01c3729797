import { beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { createApp } from '../src/app.js';
import { isSameOrigin } from '../src/http/origin.js';
import { Browser } from './browser.js';
import { TestApi, useApi } from './harness.js';
import { PASSWORD, person, type TestPerson } from './users.js';

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
    ['that the browser reports as cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['from another origin on the same site', { 'Sec-Fetch-Site': 'same-site' }],
    ['with a forged Origin', { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://muster.example.org' }],
    ['in a browser that sends only Origin', { Origin: 'http://evil.example.org' }],
    ['in a sandbox', { Origin: 'null' }],
    ['that sends neither Sec-Fetch-Site nor Origin', {}],
    ['on another port', { Origin: 'http://muster.example.org:8080' }],
  ])('%s cannot change anything with the cookie', async (_which, headers: Record<string, string>) => {
    const before = await context.api.db.prisma.enrollmentToken.count();
    const { status, body } = await create(headers);
    expect([status, (body as { type: string }).type]).toEqual([403, '/problems/forbidden']);
    expect(await context.api.db.prisma.enrollmentToken.count()).toBe(before);
  });

  test.each([
    ['the browser reports same-origin', { 'Sec-Fetch-Site': 'same-origin' }],
    ['its origin is the public URL', { Origin: 'http://muster.example.org' }],
    ['its origin is the requested host', { Origin: 'http://10.1.2.3:3000', Host: '10.1.2.3:3000' }],
  ])('is not detected if %s', async (_why, headers: Record<string, string>) => {
    expect((await create(headers)).status).toBe(201);
  });

  test('is allowed to read with the cookie, because the browser hides the response from the page', async () => {
    const { status } = await ada.browser.call('get', Paths.hosts, undefined, { 'Sec-Fetch-Site': 'cross-site' });
    expect(status).toBe(200);
  });

  test('is allowed to send an API key, which no browser sends automatically', async () => {
    const { adminKey } = await api.organization();
    const headers = { Authorization: `Bearer ${adminKey}`, 'Sec-Fetch-Site': 'cross-site' };
    expect((await create(headers)).status).toBe(201);
  });

  test('cannot sign anyone in, but a client that is not a browser can', async () => {
    const credentials = { email: ada.email, password: PASSWORD };
    const signIn = (headers: Record<string, string>) =>
      new Browser(api).call('post', Paths.session, credentials, headers);
    expect((await signIn({ 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await signIn({ Origin: 'http://evil.example.org' })).status).toBe(403);
    expect((await signIn({})).status).toBe(201);
  });

  test.each([
    [
      'http://nas.lan:8080',
      'http://muster.example.org',
      'This page came from http://nas.lan:8080, but the address of this Muster server is http://muster.example.org. ' +
        "Open that address, set MUSTER_PUBLIC_URL to the address in the browser's address bar, or have the proxy forward the Host header.",
    ],
    [
      'http://192.0.2.10:3000',
      'https://m.example',
      'This page was opened without TLS, as http://192.0.2.10:3000. Open https://m.example instead.',
    ],
    ['null', 'https://m.example', 'A page of another site sent this request. Open https://m.example instead.'],
    [
      'http://a b<script>',
      'https://m.example',
      'A page of another site sent this request. Open https://m.example instead.',
    ],
    [
      `http://${'x'.repeat(1_000)}.example`,
      'https://m.example',
      'A page of another site sent this request. Open https://m.example instead.',
    ],
  ])('with the origin %s is refused by %s with a message that says what to do', async (origin, publicUrl, detail) => {
    const { db, clock } = context.api;
    const server = new TestApi(db, createApp({ db, now: clock, publicUrl }), clock);
    // Simulates a proxy that does not forward the Host header.
    const headers = { Origin: origin, Host: '127.0.0.1:4103' };
    const credentials = { email: ada.email, password: PASSWORD };
    const { status, body } = await new Browser(server).call('post', Paths.session, credentials, headers);
    expect([status, (body as { detail: string }).detail]).toEqual([403, detail]);
    expect((await new Browser(server).call('post', Paths.session, credentials, {})).status).toBe(201);
  });

  test('without any header about its origin gets a message that says to use a current browser', async () => {
    const { body } = await create({});
    expect((body as { detail: string }).detail).toBe(
      'This browser does not state which page sent this request. Use a current browser and open ' +
        'http://muster.example.org.',
    );
  });

  test('is detected if the Origin is invalid, but not if no header contains an origin', () => {
    const noOrigin = { secFetchSite: undefined, origin: undefined, host: 'muster.example.org' };
    expect(isSameOrigin(noOrigin, 'http://muster.example.org')).toBeNull();
    expect(isSameOrigin({ ...noOrigin, origin: 'nonsense' }, 'http://muster.example.org')).toBe(false);
  });

  test('is detected if its origin is http and the public URL is https, even if the origin has the requested host name', () => {
    const plain = { secFetchSite: undefined, origin: 'http://10.1.2.3', host: '10.1.2.3' };
    expect(isSameOrigin(plain, 'https://muster.example.org')).toBe(false);
    expect(isSameOrigin({ ...plain, origin: 'https://10.1.2.3' }, 'https://muster.example.org')).toBe(true);
  });
});
