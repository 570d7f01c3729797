import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import { createApp } from '../src/app.js';
import { container, TestApi, testClock } from './harness.js';

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
