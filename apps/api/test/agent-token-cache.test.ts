import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { createAgentTokenCache } from '../src/services/enrollment/agent-token-cache.js';
import { createAgentTokenService } from '../src/services/enrollment/agent-token.js';
import { findRevokedTokens, type Revocations } from '../src/services/enrollment/find-revoked-tokens.sql.js';
import { clocksOf, testClock, useApi } from './harness.js';

const identity = (hostId: string) => ({ hostId, tokenId: `token-of-${hostId}` });

/**
 * Creates a cache that has completed its first poll. The test sets the cache's clock, and decides when and how each
 * later poll ends.
 */
async function createPollingCache() {
  let at = 1_000;
  const failures: unknown[] = [];
  const polls: {
    horizon: bigint | null;
    end: (revocations: Revocations) => Promise<void>;
    fail: () => Promise<void>;
  }[] = [];
  const cache = createAgentTokenCache({
    elapsedMs: () => at,
    onPollFailed: (error) => failures.push(error),
    findRevoked: (horizon) =>
      new Promise((resolve, reject) => {
        const settled = () => new Promise<void>((done) => setImmediate(done));
        polls.push({
          horizon,
          end: (revocations) => (resolve(revocations), settled()),
          fail: () => (reject(new Error('no database')), settled()),
        });
      }),
  });
  const advance = (ms: number) => (at += ms);
  expect(cache.get('any')).toBeUndefined();
  await polls[0]!.end({ server: 'one', horizon: 7n, tokenIds: [] });
  advance(1);
  return { cache, polls, failures, now: () => at, advance };
}

test('without polls for revocations, a token is cached for less than five seconds', () => {
  let at = 0;
  const cache = createAgentTokenCache({ elapsedMs: () => at });
  cache.set('a', identity('host'), 0);
  at = 4_999;
  expect(cache.get('a')).toEqual(identity('host'));
  at = 5_000;
  expect(cache.get('a')).toBeUndefined();
});

test('a token looked up after a poll is cached while polls succeed, for at most ten minutes', async () => {
  const { cache, polls, now, advance } = await createPollingCache();
  cache.set('a', identity('host'), now());
  for (let poll = 1; poll < 300; poll++) {
    advance(2_000);
    expect(cache.get('a')).toEqual(identity('host'));
    await polls[poll]!.end({ server: 'one', horizon: BigInt(7 + poll), tokenIds: [] });
    expect(polls[poll]!.horizon).toBe(BigInt(6 + poll));
  }
  advance(2_000);
  expect(cache.get('a')).toBeUndefined();
});

test('a token that a poll finds revoked is dropped, and other tokens stay cached', async () => {
  const { cache, polls, now, advance } = await createPollingCache();
  cache.set('a', identity('one'), now());
  cache.set('b', identity('two'), now());
  advance(2_000);
  cache.get('a');
  await polls[1]!.end({ server: 'one', horizon: 8n, tokenIds: [identity('one').tokenId, 'unknown'] });
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, identity('two')]);
});

test('a token is cached for only five seconds if a poll ended while the token was looked up', async () => {
  const { cache, polls, now, advance } = await createPollingCache();
  advance(2_000);
  const readAt = now();
  cache.get('a');
  // The poll finds the token revoked while a lookup that did not see the revocation is still running.
  await polls[1]!.end({ server: 'one', horizon: 8n, tokenIds: [identity('host').tokenId] });
  cache.set('a', identity('host'), readAt);
  advance(4_999);
  cache.get('another');
  await polls[2]!.end({ server: 'one', horizon: 9n, tokenIds: [] });
  expect(cache.get('a')).toEqual(identity('host'));
  advance(1);
  expect(cache.get('a')).toBeUndefined();
});

test('if polls fail or hang, cached tokens expire within five seconds of the last successful poll', async () => {
  const { cache, polls, failures, now, advance } = await createPollingCache();
  cache.set('a', identity('host'), now());
  advance(6_000);
  // After six seconds without a poll, the cached entry might be outdated.
  expect(cache.get('a')).toBeUndefined();
  await polls[1]!.end({ server: 'one', horizon: 8n, tokenIds: [] });
  advance(1);
  cache.set('a', identity('host'), now());
  for (const poll of [2, 3]) {
    advance(2_000);
    expect(cache.get('a')).toBeDefined();
    await polls[poll]!.end({ server: 'one', horizon: BigInt(7 + poll), tokenIds: [] });
  }
  advance(2_000);
  expect(cache.get('a')).toBeDefined();
  await polls[4]!.fail();
  advance(1_999);
  // Calls do not repeat the failed poll immediately.
  expect(cache.get('a')).toBeDefined();
  expect(polls).toHaveLength(5);
  advance(1_000);
  expect(cache.get('a')).toBeDefined();
  expect(polls[5]!.horizon).toBe(10n);
  advance(1);
  expect(cache.get('a')).toBeUndefined();
  expect(polls).toHaveLength(6);
  expect(failures).toEqual([new Error('no database')]);
});

test.each([
  ['a response with a lower horizon', { server: 'one', horizon: 6n }],
  ['a response from another server, whose horizon is higher', { server: 'two', horizon: 900n }],
])('after %s, the cache no longer returns tokens that were cached before', async (_what, after) => {
  const { cache, polls, now, advance } = await createPollingCache();
  cache.set('a', identity('one'), now());
  cache.set('b', identity('two'), now());
  advance(2_000);
  cache.get('a');
  const readAt = now();
  await polls[1]!.end({ ...after, tokenIds: [] });
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, undefined]);
  // A token that was read during the poll might have been read before the database lost transactions.
  cache.set('a', identity('one'), readAt);
  advance(1);
  cache.set('b', identity('two'), now());
  for (let poll = 2; poll < 5; poll++) {
    advance(2_000);
    cache.get('any');
    expect(polls[poll]!.horizon).toBe(after.horizon);
    await polls[poll]!.end({ ...after, tokenIds: [] });
  }
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, identity('two')]);
});

test('all tokens of a host are dropped together, and other tokens stay cached', () => {
  const cache = createAgentTokenCache({ elapsedMs: () => 0 });
  for (const [hash, host] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const) {
    cache.set(hash, { hostId: host, tokenId: `token-${hash}` }, 0);
  }
  cache.invalidateHost('one');
  expect(['a', 'b', 'c'].map((hash) => cache.get(hash) !== undefined)).toEqual([false, false, true]);
});

test('only the 50,000 most recent tokens are cached', () => {
  const cache = createAgentTokenCache({ elapsedMs: () => 0 });
  for (let n = 0; n <= 50_000; n++) cache.set(String(n), identity(String(n)), 0);
  expect(cache.get('0')).toBeUndefined();
  expect(cache.get('1')).toBeDefined();
});

describe.each(testEngines())('a token revoked by one process, on %s,', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('is refused by every process within five seconds', async () => {
    const { db, clock } = context.api;
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const replicaHost = host.through(context.api.replica());
    await host.beat({ digest: null }).expect(200);
    await replicaHost.beat({ digest: null }).expect(200);

    await db.prisma.agentToken.updateMany({ where: { hostId: host.id }, data: { revokedAt: clock() } });
    clock.advance(5_000);
    await replicaHost.beat({ digest: null }).expect(401);
    await host.beat({ digest: null }).expect(401);
  });

  test('is immediately refused by every process with 410 if its host was deleted', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const replicaHost = host.through(context.api.replica());
    await replicaHost.beat({ digest: null }).expect(200);
    await context.api.http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    await host.beat({ digest: null }).expect(410);
    await replicaHost.beat({ digest: null }).expect(410);
    await replicaHost.post([]).expect(410);
  });

  test('is found by the next poll even if the transaction that revoked the token began before the previous poll', async () => {
    const { db, clock } = context.api;
    const organization = await context.api.organization();
    const [slow, quick] = [await organization.enroll(), await organization.enroll()];
    const tokenOf = (hostId: string) => db.prisma.agentToken.findFirstOrThrow({ where: { hostId, revokedAt: null } });
    const tokens = [await tokenOf(slow.id), await tokenOf(quick.id)];
    const revoke = (hostId: string) => ({ where: { hostId }, data: { revokedAt: clock() } });
    const first = await findRevokedTokens(db, null);
    expect(first.tokenIds).toEqual([]);

    if (engine === 'pglite') {
      // PGlite has one session, so no transaction can run during a poll.
      await db.prisma.agentToken.updateMany(revoke(slow.id));
      await db.prisma.agentToken.updateMany(revoke(quick.id));
      const { tokenIds } = await findRevokedTokens(db, first.horizon);
      expect(tokenIds.sort()).toEqual(tokens.map(({ id }) => id).sort());
      return;
    }
    let commit: () => void = () => undefined;
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    let revoked: () => void = () => undefined;
    const isRevoked = new Promise<void>((resolve) => (revoked = resolve));
    const transaction = db.prisma.$transaction(async (tx) => {
      await tx.agentToken.updateMany(revoke(slow.id));
      revoked();
      await mayCommit;
    });
    await isRevoked;
    await db.prisma.agentToken.updateMany(revoke(quick.id));
    const second = await findRevokedTokens(db, first.horizon);
    expect(second.tokenIds).toEqual([tokens[1]!.id]);
    commit();
    await transaction;
    const third = await findRevokedTokens(db, second.horizon);
    expect(third.tokenIds).toContain(tokens[0]!.id);
    // All revoking transactions have ended, so later polls no longer report their tokens.
    const { tokenIds } = await findRevokedTokens(db, third.horizon);
    expect((await findRevokedTokens(db, (await findRevokedTokens(db, third.horizon)).horizon)).tokenIds).toEqual([]);
    expect(tokenIds.length).toBeLessThanOrEqual(2);
  });

  test('stays cached until the revocation, and is refused after the next poll', async () => {
    const { db } = context.api;
    const clock = testClock(context.api.clock());
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const { token } = host;
    let lookupCount = 0;
    const countingDb: typeof db = {
      ...db,
      query: (statement, values) => {
        if (statement.name === 'find_agent_tokens') lookupCount += 1;
        return db.query(statement, values);
      },
    };
    const polls: Promise<Revocations>[] = [];
    const cache = createAgentTokenCache({
      ...clocksOf(clock),
      findRevoked: (horizon) => {
        polls.push(findRevokedTokens(db, horizon));
        return polls.at(-1)!;
      },
    });
    const tokens = createAgentTokenService(countingDb, { ...clocksOf(clock), cache });
    const call = async () => {
      await tokens.authenticate(token);
      await polls.at(-1);
    };
    await call();
    // Look up the token after the poll, because a lookup during a poll is cached for only five seconds.
    clock.advance(1);
    cache.invalidateHost(host.id);
    await call();
    const before = lookupCount;
    for (let turn = 0; turn < 20; turn++) {
      clock.advance(2_000);
      await call();
    }
    expect([lookupCount, polls.length]).toEqual([before, 21]);
    await db.prisma.agentToken.updateMany({ where: { hostId: host.id }, data: { revokedAt: clock() } });
    clock.advance(2_000);
    // The call that starts the poll is still accepted, but the call after the poll is not.
    await call();
    await expect(tokens.authenticate(token)).rejects.toThrow('The agent token is invalid');
  });
});
