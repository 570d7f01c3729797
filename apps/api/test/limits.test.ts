import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import { createApp } from '../src/app.js';
import { addressGroup } from '../src/domain/address-group.js';
import { issueToken } from '../src/domain/tokens.js';
import { container, enrollRequest, TestApi, testClock } from './harness.js';

describe.each(testEngines())("an agent's limit on %s", (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  /** An API that lets 60 requests a minute through, 10 of them at once, by a clock that the test turns. */
  const limited = (agentRequestsPerMinute = 60) => {
    const clock = testClock();
    const elapsed = { ms: 0 };
    const app = createApp({ db, now: clock, agentRequestsPerMinute, elapsedMs: () => elapsed.ms });
    return { api: new TestApi(db, app, clock), elapsed };
  };
  const beat = { digest: null, engineError: 'no engine' };

  test('is told with each answer, refuses with Retry-After beyond it, and writes nothing then', async () => {
    const { api, elapsed } = limited();
    const host = await (await api.organization()).enroll();
    const first = await host.beat(beat).expect(200);
    expect(first.headers).toMatchObject({ 'ratelimit-policy': '"agent";q=60;w=60', ratelimit: '"agent";r=9;t=1' });
    for (let i = 0; i < 9; i++) await host.beat(beat).expect(200);
    const before = await host.host();
    api.clock.advance(1000);
    const refused = await host
      .post([container('a')])
      .expect(429)
      .expect('Content-Type', 'application/problem+json');
    expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"agent";r=0;t=1' });
    expect(refused.body).toMatchObject({ type: '/problems/rate-limited', status: 429 });
    expect(await host.host()).toEqual(before);
    elapsed.ms += 1000;
    await host.sync([container('a')]);
  });

  test('is refused before the body is read, and the client that still sends it reads why', async () => {
    const { api } = limited();
    const host = await (await api.organization()).enroll();
    for (let i = 0; i < 10; i++) await host.beat(beat).expect(200);
    await host.post('x'.repeat(9 * 1024 * 1024)).expect(429);
  });

  test('of a noisy one takes nothing from another, and a rotated token buys nothing', async () => {
    const { api } = limited();
    const organization = await api.organization();
    const [noisy, quiet] = [await organization.enroll(), await organization.enroll()];
    const rotated = await api.http.post(Paths.agentToken).auth(noisy.token, { type: 'bearer' }).expect(201);
    for (let i = 0; i < 20; i++) await noisy.beat(beat);
    await noisy.beat(beat).expect(429);
    const { agentToken } = rotated.body as { agentToken: string };
    await api.http.post(Paths.agentHeartbeat).auth(agentToken, { type: 'bearer' }).send(beat).expect(429);
    await quiet.beat(beat).expect(200);
  });

  test('of 0 is none', async () => {
    const { api } = limited(0);
    const host = await (await api.organization()).enroll();
    for (let i = 0; i < 30; i++) await host.beat(beat).expect(200);
    expect((await host.beat(beat)).headers['ratelimit']).toBeUndefined();
  });
});

describe.each(testEngines())('failed authentication on %s', (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  const limited = (trustProxy: false | number = false) => {
    const clock = testClock();
    const elapsed = { ms: 0 };
    const app = createApp({ db, now: clock, authFailuresPerMinute: 3, trustProxy, elapsedMs: () => elapsed.ms });
    return { api: new TestApi(db, app, clock), elapsed };
  };
  const bearer = { type: 'bearer' } as const;

  test('is slowed by address whatever the credentials are, while good tokens from there stay good', async () => {
    const { api, elapsed } = limited();
    const organization = await api.organization();
    const host = await organization.enroll();
    const { token } = await organization.enrollmentToken();
    await api.http.post(Paths.agentHeartbeat).auth(issueToken('agent').token, bearer).expect(401);
    await api.http.post(Paths.agentEnroll).auth(issueToken('enroll').token, bearer).expect(401);
    await api.http.get(Paths.hosts).auth(issueToken('key').token, bearer).expect(401);
    for (const path of [Paths.agentHeartbeat, Paths.agentEnroll]) {
      const refused = await api.http.post(path).auth('nonsense', bearer).expect(429);
      expect(refused.headers).toMatchObject({ 'retry-after': '20', 'content-type': 'application/problem+json' });
    }
    await api.http.get(Paths.hosts).expect(429);
    await host.beat({ digest: null, engineError: 'x' }).expect(200);
    await organization.get(Paths.hosts).expect(200);
    await api.http.post(Paths.agentEnroll).auth(token, bearer).send(enrollRequest()).expect(201);
    elapsed.ms += 20_000;
    await api.http.get(Paths.hosts).expect(401);
    await api.http.get(Paths.hosts).expect(429);
  });

  test('counts by the address that a trusted proxy tells, and by no other', async () => {
    const from = (api: TestApi, address: string) => api.http.get(Paths.hosts).set('X-Forwarded-For', address);
    const trusting = limited(1).api;
    for (let i = 0; i < 3; i++) await from(trusting, '2001:db8:0:1::a').expect(401);
    await from(trusting, '2001:db8:0:1:ffff::b').expect(429);
    await from(trusting, '192.0.2.1, 2001:db8:0:1::c').expect(429);
    await from(trusting, '2001:db8:0:2::a').expect(401);
    const wary = limited().api;
    for (let i = 0; i < 3; i++) await from(wary, `192.0.2.${i}`).expect(401);
    await from(wary, '192.0.2.9').expect(429);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['not an address', 'not an address'],
])('of the address %s, %s is held to account', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});
