import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT, Paths } from '@muster/contracts';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { createApp } from '../src/app.js';
import { createDatabaseClock } from '../src/services/maintenance/database-clock.js';
import { createLease } from '../src/lib/lease.js';
import { createFreshnessContext, createLivenessService } from '../src/services/freshness/index.js';
import { createHostEventWriter } from '../src/services/host-events/index.js';
import { container } from './fixtures.js';
import { clocksOf, TestApi, testClock, useApi, type TestHost } from './harness.js';

const HOUR_MS = 3_600_000;

const freshness = async (host: TestHost) =>
  ((await host.organization.get(`/api/hosts/${host.id}`).expect(200)).body as { freshness: string }).freshness;
const containerFreshness = async (host: TestHost) => {
  const { body } = await host.organization.get(`/api/containers?hostId=${host.id}`).expect(200);
  return (body as { items: { hostFreshness: string }[] }).items.map(({ hostFreshness }) => hostFreshness);
};

/** Creates two processes on one database: one uses the test's clock, and the other uses a clock an hour ahead. */
function createProcesses(api: TestApi) {
  const ahead = testClock(new Date(api.clock().getTime() + HOUR_MS));
  const { db } = api;
  const liveness = createLivenessService(db, { now: api.clock });
  return {
    liveness,
    ahead: {
      liveness: createLivenessService(db, { now: ahead }),
      api: new TestApi(db, createApp({ db, ...clocksOf(ahead) }), ahead),
    },
    /** Lets time pass, and records a liveness timestamp every five seconds. */
    runLiveness: async (seconds: number) => {
      for (let left = seconds; left > 0; left -= 5) {
        api.clock.advance(Math.min(5, left) * 1000);
        await liveness.recordLiveness();
      }
    },
  };
}

describe.each(testEngines())('after the clock of one process was temporarily an hour ahead, on %s,', (engine) => {
  const context = useApi(engine);

  test('a host that stops reporting becomes stale and offline at the usual times in both processes', async () => {
    const { api } = context;
    const { liveness, ahead, runLiveness } = createProcesses(api);
    const organization = await api.organization();
    const [one, other] = [await organization.enroll(), await organization.enroll()];
    await liveness.recordLiveness();
    for (const host of [one, other]) await host.sync([container('a')]);
    await ahead.liveness.recordLiveness();
    await one.through(ahead.api).sync([container('a')]);
    expect((await one.host()).lastSeenAt).toEqual(ahead.api.clock());

    await liveness.recordLiveness();
    await other.sync([container('a')]);
    for (const host of [one, other]) expect(await freshness(host)).toBe('online');
    await runLiveness(30);
    for (const host of [one, other]) expect(await freshness(host)).toBe('online');
    await runLiveness(5);
    for (const host of [one, other]) {
      expect(await freshness(host)).toBe('stale');
      expect(await containerFreshness(host)).toEqual(['stale']);
    }
    await runLiveness(265);
    for (const host of [one, other]) {
      expect(await freshness(host)).toBe('offline');
      expect(await containerFreshness(host)).toEqual(['offline']);
    }
  });

  test('a real outage of Muster is recorded, and no outage ends in the future', async () => {
    const { api } = context;
    const { liveness, ahead, runLiveness } = createProcesses(api);
    const host = await (await api.organization()).enroll();
    await runLiveness(5);
    await ahead.liveness.recordLiveness();
    await runLiveness(10);
    await host.sync([container('a')]);
    const now = api.clock();
    for (const { endedAt } of await liveness.outages()) expect(endedAt.getTime()).toBeLessThanOrEqual(now.getTime());

    api.clock.advance(20 * 60_000);
    expect(await freshness(host)).toBe('online');
    await liveness.recordLiveness();
    expect((await liveness.outages()).at(-1)).toEqual({ startedAt: now, endedAt: api.clock() });
    expect(await freshness(host)).toBe('online');
    // Agents have a minute to reconnect.
    await runLiveness(95);
    expect(await freshness(host)).toBe('stale');
  });

  test('future times that the process wrote to hosts are shown as the current time and then lowered', async () => {
    const { api } = context;
    const { liveness, ahead, runLiveness } = createProcesses(api);
    const host = await (await api.organization()).enroll();
    await liveness.recordLiveness();
    await host.through(ahead.api).sync([container('a')]);
    const shown = (await host.organization.get(`/api/hosts/${host.id}`).expect(200)).body as object;
    const at = api.clock().toISOString();
    expect(shown).toMatchObject({ lastSeenAt: at, confirmedAt: at });
    expect((await host.organization.get('/api/containers').expect(200)).body).toMatchObject({ items: [{ asOf: at }] });
    await liveness.lowerFutureInstants();
    expect(await host.host()).toMatchObject({ lastSeenAt: api.clock(), confirmedAt: api.clock() });
    const row = await host.host();
    await liveness.lowerFutureInstants();
    expect(await host.host()).toEqual(row);
    // Agents may still reconnect after the outage of the previous test.
    await runLiveness(95);
    expect(await freshness(host)).toBe('stale');
  });

  test('no silence is recorded for a host that kept calling, nor for a host whose last call came while the clock was ahead', async () => {
    const { api } = context;
    const { liveness, ahead, runLiveness } = createProcesses(api);
    const organization = await api.organization();
    const [calling, silent] = [await organization.enroll(), await organization.enroll()];
    // Agents may still reconnect after the outages of the previous tests.
    await runLiveness(95);
    for (const host of [calling, silent]) await host.sync([container('a')]);
    const source = { now: api.clock, cadence: CADENCE_DEFAULT };
    const freshnessContext = createFreshnessContext(api.db, liveness, source);
    const lease = createLease(api.db, { name: randomUUID(), ttlMs: 600_000 });
    const writer = createHostEventWriter(api.db, { now: api.clock, freshnessContext, lease });
    const silences = async () => {
      await writer.record();
      const hostId = { in: [calling.id, silent.id] };
      const kind = { in: ['host_stale', 'host_offline', 'host_back'] };
      return (await api.db.prisma.hostEvent.findMany({ where: { hostId, kind } })).map(({ kind: each }) => each);
    };
    // For 40 s, all calls reach the process whose clock is ahead.
    for (let seconds = 0; seconds < 40; seconds += 10) {
      for (const host of [calling, silent]) await host.through(ahead.api).beat({ digest: null }).expect(200);
      ahead.api.clock.advance(10_000);
      await runLiveness(10);
      expect(await silences()).toEqual([]);
    }
    await calling.beat({ digest: null }).expect(200);
    expect((await calling.host()).endedSilences).toBeNull();
    await liveness.lowerFutureInstants();
    expect(await silent.host()).toMatchObject({ lastSeenAt: api.clock(), endedSilences: null });
    await runLiveness(20);
    expect(await silences()).toEqual([]);
    // A call with a slightly earlier time does not prove that the previous time was wrong.
    api.clock.advance(100_000);
    await liveness.recordLiveness();
    await calling.beat({ digest: null }).expect(200);
    const { endedSilences } = await calling.host();
    expect(endedSilences).toHaveLength(1);
    const lowerBy = (ms: number) =>
      api.db.prisma.host.update({
        where: { id: calling.id },
        data: { lastSeenAt: new Date(api.clock().getTime() - ms) },
      });
    expect(await lowerBy(200)).toMatchObject({ endedSilences });
    expect(await lowerBy(5_000)).toMatchObject({ endedSilences: null });
  });

  test('a lastSeenAt in the future is lowered even by a call that changes nothing else', async () => {
    const { api } = context;
    const { ahead } = createProcesses(api);
    const host = await (await api.organization()).enroll();
    await host.through(ahead.api).sync([]);
    await api.http.post(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(201);
    expect((await host.host()).lastSeenAt).toEqual(api.clock());
  });

  test('a restarted agent’s run is accepted, and a second machine is detected', async () => {
    const { api } = context;
    const { liveness, ahead, runLiveness } = createProcesses(api);
    const host = await (await api.organization()).enroll();
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    const order = (stream: string, sequence: number, at: Date) => ({
      'Snapshot-Stream': stream,
      'Snapshot-Sequence': String(sequence),
      'Snapshot-Observed-At': at.toISOString(),
    });
    await host.through(ahead.api).sync([], order(first, 1, ahead.api.clock()));
    await host.through(ahead.api).sync([container('a')], order(second, 1, ahead.api.clock()));
    await host.beat({ digest: null }, { 'Snapshot-Stream': second }).expect(200);
    expect(await host.sync([container('b')], order(third, 1, api.clock()))).toMatchObject({ applied: true });
    expect((await host.host()).cloneSuspectedAt).toBeNull();

    await liveness.lowerFutureInstants();
    await runLiveness(65);
    expect(await host.sync([], order(first, 2, api.clock()))).toMatchObject({ applied: false });
    expect((await host.host()).cloneSuspectedAt).toEqual(api.clock());
  });
});

describe('an embedded database, which uses the clock of its process,', () => {
  /** The machine's clocks, which the test sets. */
  function createMachineClocks() {
    const ms = { elapsed: 0, wall: Date.UTC(2026, 2, 1, 12) };
    const pass = (passedMs: number) => {
      ms.elapsed += passedMs;
      ms.wall += passedMs;
    };
    return { ms, pass, clocks: { wallMs: () => ms.wall, elapsedMs: () => ms.elapsed } };
  }

  test('is not affected by a wall clock that temporarily jumps an hour ahead', async () => {
    const db = await createTestDatabase('pglite');
    const { ms, pass, clocks } = createMachineClocks();
    const clock = createDatabaseClock(db, clocks);
    await clock.start();
    const liveness = createLivenessService(db, { now: clock.now });
    const api = new TestApi(db, createApp({ db, now: clock.now }), testClock());
    const host = await (await api.organization()).enroll();
    const runLiveness = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed += 5) {
        pass(5_000);
        await clock.synchronize();
        await liveness.recordLiveness();
      }
    };
    await runLiveness(10);
    ms.wall += HOUR_MS;
    await runLiveness(20);
    await host.sync([container('a')]);
    expect(clock.skewMs()).toBe(HOUR_MS);
    ms.wall -= HOUR_MS;
    await runLiveness(30);
    expect((await db.prisma.serviceLiveness.findFirstOrThrow()).aliveAt).toEqual(new Date(ms.wall));
    expect(await liveness.outages()).toEqual([]);
    expect(await freshness(host)).toBe('online');
    await runLiveness(5);
    expect(await freshness(host)).toBe('stale');
    await db.close();
  });

  test('recovers from a start with a clock that was an hour ahead', async () => {
    const db = await createTestDatabase('pglite');
    const { ms, pass, clocks } = createMachineClocks();
    const run = async () => {
      const clock = createDatabaseClock(db, clocks);
      await clock.start();
      const liveness = createLivenessService(db, { now: clock.now });
      await liveness.recordLiveness();
      return { liveness, api: new TestApi(db, createApp({ db, now: clock.now }), testClock()) };
    };
    const first = await run();
    const host = await (await first.api.organization()).enroll();
    await host.sync([container('a')]);
    pass(2_000);
    ms.wall += HOUR_MS;
    const wrong = await run();
    await host.through(wrong.api).sync([container('a')]);
    pass(2_000);
    ms.wall -= HOUR_MS;
    const { liveness, api } = await run();
    const shown = host.through(api);
    expect(await freshness(shown)).toBe('online');
    const runLiveness = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed += 5) {
        pass(5_000);
        await liveness.recordLiveness();
      }
    };
    await runLiveness(95);
    expect(await freshness(shown)).toBe('stale');
    await runLiveness(265);
    expect(await freshness(shown)).toBe('offline');
    const startedAt = new Date(ms.wall);
    pass(20 * 60_000);
    await liveness.recordLiveness();
    expect((await liveness.outages()).at(-1)).toEqual({ startedAt, endedAt: new Date(ms.wall) });
    await db.close();
  });
});

describe.each(testEngines())('the heartbeat interval that a host last received, on %s,', (engine) => {
  const context = useApi(engine);
  const SLOW = { heartbeatSeconds: 60, snapshotSeconds: 120 };

  test('determines the freshness of the host until the next call, in lists and in the response for the host', async () => {
    const { api } = context;
    const slow = new TestApi(api.db, createApp({ db: api.db, ...clocksOf(api.clock), cadence: SLOW }), api.clock);
    const organization = await api.organization();
    const [bySnapshot, byHeartbeat, byRotation, usual] = [
      await organization.enroll(),
      await organization.enroll(),
      await organization.enroll(),
      await organization.enroll(),
    ] as const;
    for (const host of [bySnapshot, byHeartbeat, byRotation, usual]) await host.sync([container('a')]);
    await bySnapshot.through(slow).sync([container('a'), container('b')]);
    const { digest } = await byHeartbeat.host();
    await byHeartbeat.through(slow).beat({ digest }).expect(200);
    await slow.http.post(Paths.agentToken).auth(byRotation.token, { type: 'bearer' }).expect(201);
    const hosts = [bySnapshot, byHeartbeat, byRotation];
    for (const host of hosts) expect((await host.host()).heartbeatSeconds).toBe(60);
    expect((await usual.host()).heartbeatSeconds).toBe(CADENCE_DEFAULT.heartbeatSeconds);

    const liveness = createLivenessService(api.db, { now: api.clock });
    const runLiveness = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed += 5) {
        await liveness.recordLiveness();
        api.clock.advance(5_000);
      }
    };
    const listed = async (freshnessFilter: string) => {
      const { body } = await organization.get(`/api/hosts?freshness=${freshnessFilter}`).expect(200);
      return (body as { items: { id: string }[] }).items.map(({ id }) => id).sort();
    };
    const ids = hosts.map(({ id }) => id).sort();
    await runLiveness(180);
    expect(await listed('online')).toEqual(ids);
    for (const host of hosts) expect(await freshness(host)).toBe('online');
    expect(await containerFreshness(bySnapshot)).toEqual(['online', 'online']);
    expect(await freshness(usual)).toBe('stale');
    await runLiveness(5);
    expect(await listed('stale')).toEqual([...ids, usual.id].sort());
    await runLiveness(410);
    expect(await listed('stale')).toEqual(ids);
    await runLiveness(10);
    expect(await listed('offline')).toEqual([...ids, usual.id].sort());

    // The shorter interval applies after the host's next call.
    await bySnapshot.sync([container('a')]);
    await runLiveness(35);
    expect(await listed('stale')).toEqual([bySnapshot.id]);
  });
});
