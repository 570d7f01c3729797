/** Tests the writer of host events, and the database trigger that stores ended silences. */
import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT, Paths } from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { serverOnly, testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { createLease } from '../src/lib/lease.js';
import { createFreshnessContext, createLivenessService } from '../src/services/freshness/index.js';
import { createHostEventWriter, HOST_EVENTS_LEASE } from '../src/services/host-events/index.js';
import { container, enrollRequest, order } from './fixtures.js';
import { useApi, type TestApi, type TestHost } from './harness.js';

/** Advances the clock while Muster is running. */
async function pass(api: TestApi, seconds: number): Promise<void> {
  api.clock.advance(seconds * 1_000);
  const aliveAt = api.clock();
  await api.db.prisma.serviceLiveness.upsert({ where: { id: 1 }, create: { aliveAt }, update: { aliveAt } });
}

/** Creates the writer of another process. */
function createWriter(api: TestApi, batchSize?: number, db = api.db) {
  const options = { now: api.clock, cadence: CADENCE_DEFAULT };
  const freshnessContext = createFreshnessContext(db, createLivenessService(db, options), options);
  return createHostEventWriter(db, { now: api.clock, freshnessContext, lease: createLease(db, HOST_EVENTS_LEASE), batchSize }); // prettier-ignore
}

/** Returns the database, but calls `action` before each statement that writes silences. */
function beforeWrites(db: Database, action: () => Promise<unknown>): Database {
  const queryRaw = async (query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) => {
    if ('sql' in query && query.sql.includes('INSERT INTO host_events')) await action();
    return db.prisma.$queryRaw(query, ...values);
  };
  const prisma = new Proxy(db.prisma, {
    get: (target, name, receiver) =>
      name === '$queryRaw' ? queryRaw : (Reflect.get(target, name, receiver) as unknown),
  });
  return { ...db, prisma };
}

async function eventsOf(db: Database, hostId: string, startedAt: Date): Promise<unknown[]> {
  const events = await db.prisma.hostEvent.findMany({ where: { hostId }, orderBy: [{ tx: 'asc' }, { id: 'asc' }] });
  return events.slice(1).map(({ kind, at }) => [kind, (at.getTime() - startedAt.getTime()) / 1_000]);
}

const expire = (db: Database) => db.prisma.lease.updateMany({ data: { expiresAt: new Date(0) } });

describe.each(testEngines())('the writer of host events on %s', (engine) => {
  const context = useApi(engine);

  /** Enrolls a host that has sent a snapshot and received the heartbeat interval. */
  async function start(): Promise<{ api: TestApi; host: TestHost; startedAt: Date; stream: string }> {
    const { api } = context;
    await expire(api.db);
    await api.db.prisma.host.deleteMany();
    await api.db.prisma.serviceOutage.deleteMany();
    await pass(api, 10);
    const host = await (await api.organization()).enroll();
    const stream = randomUUID();
    await host.sync([container('a')], order(stream, 1, api.clock()));
    return { api, host, startedAt: api.clock(), stream };
  }

  test.each(['after each step', 'only at the end'])(
    'records the same silences if it runs %s, and no silence while Muster was down',
    async (runs) => {
      const { api, host, startedAt } = await start();
      const writer = createWriter(api);
      const step = async (seconds: number) => {
        await pass(api, seconds);
        if (runs === 'after each step') await writer.record();
      };
      await step(20);
      await host.beat({ digest: null }).expect(200);
      await step(45);
      await host.beat({ digest: null }).expect(200);
      await step(200);
      await step(200);
      await host.sync([container('b')]);
      await step(10);
      // Muster is down for an hour.
      api.clock.advance(3_600_000);
      await createLivenessService(api.db, { now: api.clock }).recordLiveness();
      await step(5);
      await host.beat({ digest: null }).expect(200);
      await step(5);
      await writer.record();
      expect(await eventsOf(api.db, host.id, startedAt)).toEqual([
        ['host_stale', 50],
        ['host_back', 65],
        ['host_stale', 95],
        ['host_offline', 365],
        ['host_back', 465],
      ]);
      expect(await writer.record()).toBe(0);
      expect(await host.host()).toMatchObject({ endedSilences: null, recordedSilence: null });
      await writer.release();
    },
  );

  test('lets one process write at a time', async () => {
    const { api } = await start();
    await pass(api, 60);
    let writes = 0;
    const counted = beforeWrites(api.db, async () => {
      writes += 1;
    });
    const writers = [createWriter(api, undefined, counted), createWriter(api, undefined, counted)];
    const counts = await Promise.all(writers.map((writer) => writer.record()));
    expect(counts.sort()).toEqual([0, 1]);
    // The other process does not try to write.
    expect(writes).toBe(1);
  });

  test('writes nothing if another process has acquired the lease since the hosts were read', async () => {
    const { api, host, startedAt } = await start();
    await pass(api, 400);
    const thief = createLease(api.db, HOST_EVENTS_LEASE);
    const loser = createWriter(
      api,
      undefined,
      beforeWrites(api.db, async () => {
        await expire(api.db);
        expect(await thief.acquire()).toBe(true);
      }),
    );
    const row = await host.host();
    expect(await loser.record()).toBe(0);
    expect(await host.host()).toEqual(row);
    expect(await eventsOf(api.db, host.id, startedAt)).toEqual([]);
    await thief.release();
    expect(await createWriter(api).record()).toBe(2);
  });

  test('records a silence once if the host leaves after Muster’s last liveness timestamp', async () => {
    const { api, host, startedAt } = await start();
    const writer = createWriter(api);
    await pass(api, 400);
    expect(await writer.record()).toBe(2);
    api.clock.advance(2_000);
    await api.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    expect(await writer.record()).toBe(0);
    await pass(api, 5);
    expect(await writer.record()).toBe(0);
    expect(await host.host()).toMatchObject({ endedSilences: null, recordedSilence: null });
    expect(await eventsOf(api.db, host.id, startedAt)).toEqual([
      ['host_stale', 30],
      ['host_offline', 300],
      ['host_left', 402],
    ]);
    const left = await api.db.prisma.hostEvent.findFirst({ where: { hostId: host.id, kind: 'host_left' } });
    expect(left!.from).toEqual({ state: 'offline', since: startedAt.toISOString() });
    await writer.release();
  });

  test('records no return of a host that left and was enrolled again before the writer ran', async () => {
    const { api, host, startedAt } = await start();
    const { engineId } = await host.host();
    await pass(api, 400);
    await api.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    await pass(api, 40);
    await host.organization.enroll({ engineId }, 200);
    await pass(api, 5);
    await createWriter(api).record();
    expect(await eventsOf(api.db, host.id, startedAt)).toEqual([
      ['host_left', 400],
      ['host_enrolled', 440],
      ['host_stale', 30],
      ['host_offline', 300],
    ]);
  });

  test('that stops in the middle is continued by another process without a gap or a repetition', async () => {
    const { api, host } = await start();
    const hosts = [host];
    while (hosts.length < 5) {
      hosts.push(await host.organization.enroll());
      await hosts.at(-1)!.sync([]);
    }
    await pass(api, 60);
    let checks = 0;
    expect(await createWriter(api, 2).record(() => (checks += 1) > 1)).toBe(2);
    await expire(api.db);
    expect(await createWriter(api, 2).record()).toBe(3);
    const stale = await api.db.prisma.hostEvent.groupBy({
      by: ['hostId'],
      where: { organizationId: host.organization.id, kind: 'host_stale' },
      _count: true,
    });
    expect(stale.map(({ _count: count }) => count)).toEqual([1, 1, 1, 1, 1]);
  });

  test('records no silence of a host that left, was deleted, or has sent no snapshot', async () => {
    const { api, host, startedAt } = await start();
    const deleted = await host.organization.enroll();
    await deleted.sync([]);
    const never = await host.organization.enroll();
    await api.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    const path = Paths.host.replace(':hostId', deleted.id);
    await api.http.delete(path).auth(host.organization.adminKey, { type: 'bearer' }).expect(204);
    await pass(api, 3_600);
    expect(await createWriter(api).record()).toBe(0);
    expect(await eventsOf(api.db, host.id, startedAt)).toEqual([['host_left', 0]]);
    expect(await eventsOf(api.db, never.id, startedAt)).toEqual([]);
    expect(await eventsOf(api.db, deleted.id, startedAt)).toEqual([]);
    await never.sync([]);
    await host.organization.enroll(enrollRequest());
    await pass(api, 5);
    expect(await createWriter(api).record()).toBe(0);
  });

  test('is not needed to record the end of an expired clone suspicion and the next suspicion', async () => {
    const { api, host, stream, startedAt } = await start();
    const second = randomUUID();
    await pass(api, 10);
    await host.sync([], order(second, 1, api.clock()));
    await pass(api, 61);
    await host.sync([container('a')], order(stream, 2, api.clock()));
    await pass(api, 2 * 86_400);
    await host.sync([container('a')], order(stream, 3, api.clock()));
    const events = (await eventsOf(api.db, host.id, startedAt)) as [string, number][];
    expect(events.filter(([kind]) => !kind.startsWith('host_'))).toEqual([
      ['clone_suspected', 71],
      ['problem_ended', 71 + 86_400],
      ['clone_suspected', 71 + 2 * 86_400],
    ]);
  });

  test('records the beginning and the end of a suspected clone', async () => {
    const { api, host, stream, startedAt } = await start();
    await pass(api, 10);
    await host.sync([], order(randomUUID(), 1, api.clock()));
    await pass(api, 20);
    await host.beat({ digest: null }).expect(200);
    await pass(api, 25);
    await host.beat({ digest: null }).expect(200);
    await pass(api, 20);
    await host.sync([container('a')], order(stream, 2, api.clock()));
    const clone = async () => {
      const events = await eventsOf(api.db, host.id, startedAt);
      return (events as [string, number][]).filter(([kind]) => !kind.startsWith('host_'));
    };
    expect(await clone()).toEqual([['clone_suspected', 75]]);
    await pass(api, 86_400 + 20);
    const since = (await host.host()).cloneSuspectedSince!.toISOString();
    await createWriter(api).record();
    expect(await clone()).toEqual([
      ['clone_suspected', 75],
      ['problem_ended', 75 + 86_400],
    ]);
    const ended = await api.db.prisma.hostEvent.findFirst({ where: { hostId: host.id, kind: 'problem_ended' } });
    // `recordedAt` is the current time, so that clients that resume the stream do not treat the event as old.
    expect(ended).toMatchObject({ from: { code: 'clone_suspected', since }, recordedAt: api.clock() });
  });
});

serverOnly(describe)('with 5,000 hosts on PostgreSQL, the writer', () => {
  const context = useApi('postgresql');

  test('records in few statements that all hosts went offline, without delaying agents', async () => {
    const { api } = context;
    const organization = await api.organization();
    const live = await organization.enroll();
    const locked = await organization.enroll();
    for (const host of [live, locked]) await host.sync([]);
    await pass(api, 1);
    const seenAt = api.clock();
    // Uses one statement, because 5,000 rows as values would take seconds.
    await api.db.prisma.$executeRaw`
      INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os, arch,
        "agentVersion", "enrolledAt", "lastSeenAt", "confirmedAt", "heartbeatSeconds")
      SELECT gen_random_uuid(), ${organization.id}, 'h' || n, gen_random_uuid()::text, 'Docker', '28', '1.51', '', '', '1', at,
        at, at, 10
      FROM generate_series(1, 5000) AS n, (SELECT ${seenAt}::timestamptz AS at) AS seen`;
    await pass(api, 400);
    await live.sync([]);
    let statements = 0;
    const counted = beforeWrites(api.db, async () => {
      statements += 1;
    });
    const writer = createWriter(api, undefined, counted);
    const run = { isDone: false };
    let beats = 0;
    let slowestMs = 0;
    const startedAt = performance.now();
    const [events] = await Promise.all([
      // Another transaction holds the lock on the row of one host during the whole run.
      api.db.prisma.$transaction(
        async (tx) => {
          await tx.$queryRaw`SELECT 1 FROM hosts WHERE id = ${locked.id}::uuid FOR UPDATE`;
          const events = await writer.record();
          run.isDone = true;
          return events;
        },
        { timeout: 60_000 },
      ),
      (async () => {
        while (!run.isDone) {
          const sentAt = performance.now();
          await live.beat({ digest: null }).expect(200);
          slowestMs = Math.max(slowestMs, performance.now() - sentAt);
          beats += 1;
        }
      })(),
    ]);
    const ms = Math.round(performance.now() - startedAt);
    console.info(`10,000 events in ${ms} ms; slowest of ${beats} heartbeats: ${Math.round(slowestMs)} ms`);
    // `live` came back, and every other host became stale and offline, except the locked host.
    expect(events).toBe(2 * 5_000 + 3);
    expect(statements).toBe(11);
    expect(ms).toBeLessThan(10_000);
    expect(beats).toBeGreaterThan(0);
    expect(slowestMs).toBeLessThan(2_000);
    expect(await writer.record()).toBe(2);
    const idleAt = performance.now();
    expect(await writer.record()).toBe(0);
    console.info(`a run without an event: ${Math.round(performance.now() - idleAt)} ms`);
  });
});
