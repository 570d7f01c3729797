import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { createAgentTokenCache } from '../src/services/agent-token-cache.js';
import { testClock, useApi } from './harness.js';

const identity = (hostId: string) => ({ hostId, tokenId: `token-of-${hostId}` });

test('a token is remembered for less than five seconds, and not at all by a clock that was set back', () => {
  const clock = testClock();
  const cache = createAgentTokenCache({ now: clock });
  cache.set('a', identity('host'), clock().getTime());
  clock.advance(4_999);
  expect(cache.get('a')).toEqual(identity('host'));
  clock.advance(1);
  expect(cache.get('a')).toBeUndefined();
  cache.set('a', identity('host'), clock().getTime());
  clock.advance(-1);
  expect(cache.get('a')).toBeUndefined();
});

test('all tokens of a host are forgotten together, and no others', () => {
  const clock = testClock();
  const cache = createAgentTokenCache({ now: clock });
  for (const [hash, host] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const) {
    cache.set(hash, identity(host), clock().getTime());
  }
  cache.forgetHost('one');
  expect(['a', 'b', 'c'].map((hash) => cache.get(hash) !== undefined)).toEqual([false, false, true]);
});

test('however many tokens come, 50,000 are remembered, the last ones', () => {
  const clock = testClock();
  const cache = createAgentTokenCache({ now: clock });
  for (let n = 0; n <= 50_000; n++) cache.set(String(n), identity(String(n)), clock().getTime());
  expect(cache.get('0')).toBeUndefined();
  expect(cache.get('1')).toBeDefined();
});

describe.each(testEngines())('a token that one process revokes, on %s,', (engine) => {
  const context = useApi(engine);

  test('is dead there at once and in every other process within five seconds', async () => {
    const { db, clock } = context.api;
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const there = host.through(context.api.replica());
    await host.beat({ digest: null }).expect(200);
    await there.beat({ digest: null }).expect(200);

    await db.prisma.agentToken.updateMany({ where: { hostId: host.id }, data: { revokedAt: clock() } });
    clock.advance(5_000);
    await there.beat({ digest: null }).expect(401);
    await host.beat({ digest: null }).expect(401);
  });

  test('was deleted with its host, whose agent is told so at once everywhere', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const there = host.through(context.api.replica());
    await there.beat({ digest: null }).expect(200);
    await context.api.http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    await host.beat({ digest: null }).expect(410);
    await there.beat({ digest: null }).expect(410);
    await there.post([]).expect(410);
  });
});
