import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths, type Container } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { createApp } from '../src/app.js';
import { issueToken } from '../src/lib/tokens.js';
import { container, enrollRequest, order } from './fixtures.js';
import { TestApi, testClock } from './harness.js';

describe.each(testEngines())("an agent's rate limit on %s", (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  /** Creates an API that allows 60 requests a minute in bursts of up to 10, with a clock that the test advances. */
  const createLimitedApi = (agentRequestsPerMinute = 60) => {
    const clock = testClock();
    const elapsed = { ms: 0 };
    const app = createApp({ db, now: clock, agentRequestsPerMinute, elapsedMs: () => elapsed.ms });
    return { api: new TestApi(db, app, clock), elapsed };
  };
  const beat = { digest: null, engineError: 'no engine' };

  test('is stated in each response, and calls above it are refused with Retry-After and write nothing', async () => {
    const { api, elapsed } = createLimitedApi();
    const host = await (await api.organization()).enroll();
    const first = await host.beat(beat).expect(200);
    expect(first.headers).toMatchObject({ 'ratelimit-policy': '"agent";q=60;w=60', ratelimit: '"agent";r=9;t=1' });
    for (let i = 0; i < 9; i++) await host.beat(beat).expect(200);
    const before = await host.host();
    api.clock.advance(1000);
    const refused = await host.beat(beat).expect(429).expect('Content-Type', 'application/problem+json');
    expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"agent";r=0;t=1' });
    expect(refused.body).toMatchObject({ type: '/problems/rate-limited', status: 429 });
    expect(await host.host()).toEqual(before);
    elapsed.ms += 1000;
    await host.beat(beat).expect(200);
  });

  test('is applied before the body is read, and a client that still sends the body can read the refusal', async () => {
    const { api } = createLimitedApi();
    const host = await (await api.organization()).enroll();
    for (let i = 0; i < 10; i++) await host.beat(beat).expect(200);
    await host.beat({ ...beat, engineError: 'x'.repeat(60_000) }).expect(429);
  });

  test('applies to each host separately, and is not raised when a host rotates its token', async () => {
    const { api } = createLimitedApi();
    const organization = await api.organization();
    const [noisy, quiet] = [await organization.enroll(), await organization.enroll()];
    const rotated = await api.http.post(Paths.agentToken).auth(noisy.token, { type: 'bearer' }).expect(201);
    for (let i = 0; i < 20; i++) await noisy.beat(beat);
    await noisy.beat(beat).expect(429);
    const { agentToken } = rotated.body as { agentToken: string };
    await api.http.post(Paths.agentHeartbeat).auth(agentToken, { type: 'bearer' }).send(beat).expect(429);
    await quiet.beat(beat).expect(200);
  });

  test('of 0 means no limit', async () => {
    const { api } = createLimitedApi(0);
    const host = await (await api.organization()).enroll();
    for (let i = 0; i < 30; i++) await host.beat(beat).expect(200);
    expect((await host.beat(beat)).headers['ratelimit']).toBeUndefined();
  });
});

describe.each(testEngines())('the cost of snapshots on %s', (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  const createLimitedApi = () => {
    const clock = testClock();
    const elapsed = { ms: 0 };
    const app = createApp({ db, now: clock, agentRequestsPerMinute: 600, elapsedMs: () => elapsed.ms });
    return { api: new TestApi(db, app, clock), elapsed };
  };
  const fleet = (count: number, changes: Partial<Container> = {}) =>
    Array.from({ length: count }, (_, i) => container(`c${i}`, { ports: [], labels: {}, ...changes }));
  const beat = { digest: null, engineError: 'no engine' };

  test('delays the snapshots but not the heartbeats of a host above its limit, and refused snapshots update lastSeenAt', async () => {
    const { api, elapsed } = createLimitedApi();
    const organization = await api.organization();
    const [costly, other] = [await organization.enroll(), await organization.enroll()];
    let refused;
    for (let i = 0; i < 20 && refused === undefined; i++) {
      const answer = await costly.post(fleet(5_000, { image: `image:${i}` }));
      if (answer.status === 429) refused = answer;
      else expect(answer.status).toBe(200);
    }
    // The burst is 300, and each snapshot costs 101 plus the cost of its bytes.
    expect((await costly.host()).revision).toBeLessThanOrEqual(3);
    expect(refused?.body).toMatchObject({
      type: '/problems/rate-limited',
      detail: expect.stringContaining('processing time'),
    });
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused?.headers['retry-after'])).toBeLessThanOrEqual(10);
    await costly.beat(beat).expect(200);
    await other.sync([container('a')]);

    api.clock.advance(60_000);
    elapsed.ms += 5_000;
    await costly.post([]).expect(429);
    expect((await costly.host()).lastSeenAt).toEqual(api.clock());
    elapsed.ms += 60_000;
    await costly.sync([container('a')]);
  });

  test('allows a host to change all its 5,000 containers once a minute', async () => {
    const { api, elapsed } = createLimitedApi();
    const host = await (await api.organization()).enroll();
    for (let minute = 0; minute < 3; minute++) {
      await host.sync(fleet(5_000, { image: `image:${minute}` }));
      for (let i = 0; i < 6; i++) await host.beat(beat).expect(200);
      elapsed.ms += 60_000;
    }
  });

  test('allows an agent to replay a full journal without pauses and then to send a full snapshot', async () => {
    const { api } = createLimitedApi();
    const host = await (await api.organization()).enroll();
    const stream = randomUUID();
    await host.sync(fleet(50), order(stream, 1));
    for (let i = 0; i < 500; i++) {
      const headers = { ...order(stream, i + 2), 'Snapshot-Complete': 'false' };
      await host.sync(fleet(2, { image: `image:${i}` }), headers);
    }
    await host.sync(fleet(50), order(stream, 502));
  });
});

describe.each(testEngines())('failed authentication on %s', (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  const createLimitedApi = (trustProxy: false | number = false) => {
    const clock = testClock();
    const elapsed = { ms: 0 };
    const app = createApp({ db, now: clock, authFailuresPerMinute: 3, trustProxy, elapsedMs: () => elapsed.ms });
    return { api: new TestApi(db, app, clock), elapsed };
  };
  const bearer = { type: 'bearer' } as const;

  test('is limited by IP address for all credentials, while valid tokens from that address still work', async () => {
    const { api, elapsed } = createLimitedApi();
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

  test('is counted by the IP address that a trusted proxy reports, and the same header from any other sender is ignored', async () => {
    const from = (api: TestApi, address: string) => api.http.get(Paths.hosts).set('X-Forwarded-For', address);
    const trustingApi = createLimitedApi(1).api;
    for (let i = 0; i < 3; i++) await from(trustingApi, '2001:db8:0:1::a').expect(401);
    await from(trustingApi, '2001:db8:0:1:ffff::b').expect(429);
    await from(trustingApi, '192.0.2.1, 2001:db8:0:1::c').expect(429);
    await from(trustingApi, '2001:db8:0:2::a').expect(401);
    const untrustingApi = createLimitedApi().api;
    for (let i = 0; i < 3; i++) await from(untrustingApi, `192.0.2.${i}`).expect(401);
    await from(untrustingApi, '192.0.2.9').expect(429);
  });
});
