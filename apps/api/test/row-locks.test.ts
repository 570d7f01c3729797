import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase, serverOnly } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import { createApp } from '../src/app.js';
import { createFailedSignIns } from '../src/services/accounts/failed-sign-ins.js';
import { container, enrollRequest } from './fixtures.js';
import { AGENT_WAIT_MS_MAX, TestApi, testClock } from './harness.js';

// These tests simulate another replica that writes a large snapshot, which locks a host's row for seconds. The embedded
// database has one connection, so no other connection can lock a row.
serverOnly(describe)('while another transaction holds the lock of a row,', () => {
  let db: Database;
  let api: TestApi;
  beforeAll(async () => {
    db = await createTestDatabase('postgresql');
    const clock = testClock();
    api = new TestApi(db, createApp({ db, now: clock, agentWaitMsMax: AGENT_WAIT_MS_MAX }), clock);
  });
  // Locks are released even after a failed test, because later tests would otherwise count the connections that hold
  // them.
  const unlocks = new Set<() => Promise<void>>();
  afterEach(async () => {
    await Promise.all([...unlocks].map((unlock) => unlock()));
  });
  afterAll(() => db.close());

  /** Locks a row until the returned function is called, or until the test ends. */
  async function lock(
    table: 'hosts' | 'enrollment_tokens' | 'audit_entries',
    id: string,
  ): Promise<() => Promise<void>> {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let isLocked: () => void = () => undefined;
    const locked = new Promise<void>((resolve) => (isLocked = resolve));
    const done = db.prisma.$transaction(
      async (tx) => {
        await tx.$executeRawUnsafe(`SELECT FROM ${table} WHERE id = '${id}' FOR NO KEY UPDATE`);
        isLocked();
        await released;
      },
      { timeout: 60_000 },
    );
    await locked;
    const unlock = async () => {
      unlocks.delete(unlock);
      release();
      await done;
    };
    unlocks.add(unlock);
    return unlock;
  }

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const beat = { digest: null, engineError: 'no engine' };
  const statusOf = async (request: PromiseLike<{ status: number }>) => (await request).status;

  /**
   * Returns the number of connections that are in use all the time, except for the connection that holds the lock. A
   * request that waits in the API uses a connection only briefly, to check the row. A request that waits inside
   * PostgreSQL keeps its connection all the time. On a busy machine, it can take seconds to check the row.
   */
  async function countHeldConnections(): Promise<number> {
    await pause(300);
    let fewest = Infinity;
    for (const until = performance.now() + 20_000; fewest > 1 && performance.now() < until;) {
      await pause(10);
      fewest = Math.min(fewest, db.connections().busy - 1);
    }
    return fewest;
  }

  test("a host's calls wait without a connection, do not delay other hosts, and all succeed", async () => {
    const organization = await api.organization();
    const [held, other] = [await organization.enroll(), await organization.enroll()];
    await held.beat(beat).expect(200);
    const unlock = await lock('hosts', held.id);
    const calls = [
      ...Array.from({ length: 6 }, () => statusOf(held.beat(beat))),
      ...Array.from({ length: 3 }, () => statusOf(held.post([container('a')]))),
      statusOf(held.post('nothing of a snapshot')),
    ];
    expect(await countHeldConnections()).toBeLessThanOrEqual(1);
    // Four callers run concurrently, because at most eight calls of one host may wait.
    let othersAnswered = 0;
    const caller = async () => {
      for (let i = 0; i < 5; i++) {
        await other.beat(beat).expect(200);
        othersAnswered += 1;
      }
    };
    const timeout = new Promise((resolve) => setTimeout(resolve, 30_000).unref());
    await Promise.race([Promise.all([caller(), caller(), caller(), caller()]), timeout]);
    expect(othersAnswered).toBe(20);
    await unlock();
    expect((await Promise.all(calls)).sort()).toEqual([...Array<number>(9).fill(200), 400]);
  });

  test('rotations and the first use of a token wait without holding a connection', async () => {
    const organization = await api.organization();
    const host = await organization.enroll();
    const unlock = await lock('hosts', host.id);
    // This is the first use of the token. The use cannot be recorded while the row is locked, but the token is valid.
    const identify = () => api.http.get(Paths.agentToken).auth(host.token, { type: 'bearer' });
    await identify().expect(200);
    const rotations = [1, 2, 3].map(() =>
      statusOf(api.http.post(Paths.agentToken).auth(host.token, { type: 'bearer' })),
    );
    await pause(300);
    await unlock();
    expect(await Promise.all(rotations)).toEqual([201, 201, 201]);
    await identify().expect(200);
    expect(await db.prisma.agentToken.count({ where: { hostId: host.id, firstUsedAt: null, revokedAt: null } })).toBe(
      1,
    );
  });

  test('failed sign-ins that share an audit entry use only one connection while they wait for the entry’s row', async () => {
    await api.organization();
    const failures = createFailedSignIns(db, { now: api.clock, elapsedMs: () => 0 });
    const fail = () => failures.record({ account: null, address: '203.0.113.1', method: 'password' });
    await fail();
    const where = { action: 'user.sign_in_failed' };
    const { id } = await db.prisma.auditEntry.findFirstOrThrow({ where });
    const unlock = await lock('audit_entries', String(id));
    const waiting = Array.from({ length: 8 }, fail);
    expect(await countHeldConnections()).toBeLessThanOrEqual(1);
    await unlock();
    await Promise.all(waiting);
    expect(await db.prisma.auditEntry.findMany({ where })).toMatchObject([{ details: { count: 9 } }]);
  });

  test('a heartbeat gets a response within a few seconds and is written after the lock is released', async () => {
    const host = await (await api.organization()).enroll();
    await host.beat(beat).expect(200);
    const unlock = await lock('hosts', host.id);
    api.clock.advance(10_000);
    const answer = await host.beat({ ...beat, engineError: 'the engine is away' }).expect(200);
    expect(answer.body).toMatchObject({ snapshotRequired: false });
    await unlock();
    await eventually(async () => expect((await host.host()).lastSeenAt).toEqual(api.clock()));
    expect((await host.host()).engineError).toBe('the engine is away');
  });

  test('machines that enroll with one token use only one connection while they wait for the token’s row', async () => {
    const organization = await api.organization();
    const host = await organization.enroll();
    const { id, token } = await organization.enrollmentToken({ name: 'fleet', maxUses: 50 });
    const unlock = await lock('enrollment_tokens', id);
    const enrollments = Array.from({ length: 30 }, () =>
      statusOf(api.http.post(Paths.agentEnroll).auth(token, { type: 'bearer' }).send(enrollRequest())),
    );
    expect(await countHeldConnections()).toBeLessThanOrEqual(1);
    await host.sync([container('a')]);
    await unlock();
    expect(new Set(await Promise.all(enrollments))).toEqual(new Set([201]));
  });
});
