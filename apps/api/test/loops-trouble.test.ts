import { describe, expect, test } from '@jest/globals';
import type { ContainerInput } from '@muster/contracts';
import { serverOnly, testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { createContainerService } from '../src/services/container.js';
import { isCrashLoopSearchComplete } from '../src/services/inventory/container-problems.sql.js';
import { recordEndedLoops } from '../src/services/sync/index.js';
import { container, order } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';
import { countKinds, CRASHED, eventsOf, exitsIn, Loop, MINUTE_MS, repeat } from './looping-containers.js';

const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

describe.each(testEngines())('containers that loop while something else goes wrong, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enroll = async () => (await context.api.organization()).enroll();

  test('get a last `looping` event if they are removed while a replica of an earlier version runs', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 25);
    const service = createContainerService(context.api.db, { now: context.api.clock });
    await service.syncContainers(host.id, [], { isOwnDigest: false });
    const events = await eventsOf(host);
    expect(events.slice(-2).map(({ kind }) => kind)).toEqual(['looping', 'removed']);
    expect(exitsIn(events)).toBe(25);
  });

  test('get a last `looping` event on each host, even if the exits of another host cannot be recorded', async () => {
    const { db, clock } = context.api;
    const hosts = [await enroll(), await enroll(), await enroll()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const host of hosts) {
      const loop = new Loop('a', context.api);
      await host.sync([loop.running()]);
      await repeat(host, loop, 21, { everyMs: 1_000 });
    }
    const ofFirst = { hostId: hosts[0]!.id };
    await db.prisma.container.updateMany({ where: ofFirst, data: { loop: { last: 'not a time' } } });
    clock.advance(HOUR_MS);
    expect(await recordEndedLoops(db, clock(), () => true)).toBe(0);
    await expect(recordEndedLoops(db, clock())).rejects.toThrow();
    await db.prisma.container.deleteMany({ where: ofFirst });
    expect(exitsIn(await eventsOf(hosts[1]!))).toBe(21);
    expect(exitsIn(await eventsOf(hosts[2]!))).toBe(21);
  });

  test('get a last `looping` event if more loops end at once than one statement records', async () => {
    const { db, clock } = context.api;
    const host = await enroll();
    await host.sync(Array.from({ length: 1_001 }, (_, index) => container(String(index))));
    const at = clock().toISOString();
    const loop = { count: 1, first: at, last: at, from: 'running', to: 'running', codes: {} };
    await db.prisma.container.updateMany({ where: { hostId: host.id }, data: { loop, loopingSince: at } });
    clock.advance(HOUR_MS);
    expect(await recordEndedLoops(db, clock())).toBe(1_001);
    expect(await db.prisma.containerEvent.count({ where: { hostId: host.id, kind: 'looping' } })).toBe(1_001);
  });

  /** Returns a function that reports containers as observed at a time according to the host's clock. */
  const observer = (host: TestHost) => {
    const stream = randomUUID();
    let sequence = 0;
    return (one: ContainerInput, at: number) =>
      host.sync([one], { 'Snapshot-Complete': 'false', ...order(stream, ++sequence, new Date(at)) });
  };

  test('again have one event for each exit after a clock that was ahead is corrected', async () => {
    const { clock } = context.api;
    const host = await enroll();
    const loop = new Loop('a', context.api);
    const report = observer(host);
    const ahead = (one: ContainerInput) => report(one, clock().getTime() + 365 * DAY_MS);
    await ahead(loop.running());
    await repeat(host, loop, 25, { everyMs: 10_000, report: ahead });
    await repeat(host, loop, 5, { everyMs: 5 * MINUTE_MS, report: (one) => report(one, clock().getTime()) });
    const events = await eventsOf(host);
    expect(countKinds(events)).toEqual({ created: 1, exited: 25, started: 25, looping: 1 });
    expect(exitsIn(events)).toBe(30);
  });

  test('are counted by the hour in which they exited, even if an agent replays several days within a minute', async () => {
    const { clock } = context.api;
    const host = await enroll();
    const loop = new Loop('a', context.api);
    const report = observer(host);
    let at = clock().getTime() - 3 * DAY_MS;
    await report(loop.running(), at);
    const replay = async (times: number, everyMs: number) => {
      for (let index = 0; index < times; index++) {
        await report(loop.exited(CRASHED), (at += everyMs));
        await report(loop.running(), at + 1_000);
      }
    };
    await replay(30, MINUTE_MS);
    await replay(2, DAY_MS);
    const events = await eventsOf(host);
    expect(countKinds(events)).toEqual({ created: 1, exited: 22, started: 22, looping: 1 });
    expect(exitsIn(events)).toBe(32);
  });

  test('have one event for each exit after several days of unreported restarts', async () => {
    const { clock } = context.api;
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    clock.advance(3 * DAY_MS);
    await host.sync([{ ...loop.running(), restartCount: 25 }]);
    clock.advance(MINUTE_MS);
    await host.sync([loop.exited(CRASHED, { restartCount: 25 })]);
    expect((await eventsOf(host)).map(({ kind }) => kind)).toEqual(['created', 'restarted', 'exited']);
  });

  test('have health events if they stay up, but not if they exit again', async () => {
    const { clock, db } = context.api;
    const host = await enroll();
    const loop = new Loop('a', context.api);
    const withHealth = async () => {
      const up = { ...loop.running(), status: 'Up 1 second (health: starting)' };
      await host.sync([up]);
      clock.advance(5_000);
      await host.sync([{ ...up, status: 'Up 6 seconds (healthy)' }]);
      clock.advance(5_000);
      return up;
    };
    let up = await withHealth();
    for (let index = 0; index < 25; index++) {
      await host.sync([loop.exited(CRASHED)]);
      up = await withHealth();
    }
    expect(countKinds(await eventsOf(host))).toMatchObject({ exited: 20, started: 20, health_changed: 21 });
    clock.advance(20 * MINUTE_MS);
    await host.sync([{ ...up, status: 'Up 20 minutes (unhealthy)', ports: [{ privatePort: 80, type: 'tcp' }] }]);
    const latest = (await eventsOf(host)).slice(-2);
    expect(latest.map(({ kind, to }) => [kind, to])).toEqual([
      ['health_changed', 'unhealthy'],
      ['updated', { ports: [{ privatePort: 80, type: 'tcp' }] }],
    ]);
    // The exits are counted but not recorded yet, because their hour is not over.
    expect((await host.row('a'))?.loop).toMatchObject({ count: 5 });
    clock.advance(40 * MINUTE_MS);
    await recordEndedLoops(db, clock());
    expect(exitsIn(await eventsOf(host))).toBe(25);
  });

  test('get a last `looping` event, even if the clock of the server was a day ahead', async () => {
    const { clock, db } = context.api;
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 25);
    const loopingSince = new Date(clock().getTime() + DAY_MS);
    await db.prisma.container.updateMany({ where: { hostId: host.id }, data: { loopingSince } });
    await recordEndedLoops(db, clock());
    expect(exitsIn(await eventsOf(host))).toBe(25);
  });

  test('do not count toward the history limit of their host while their exits have no events', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 20);
    const service = createContainerService(context.api.db, { now: context.api.clock });
    const usage = { textBytes: 0, historyBytes: 0 };
    await service.syncContainers(host.id, [loop.exited(CRASHED)], { usage });
    expect(usage.historyBytes).toBe(0);
  });

  test('make the search for crash loops incomplete if their number exceeds its read limit', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 21, { exit: { code: 0, reason: 'completed' } });
    const { db, clock } = context.api;
    const isComplete = (readMax: number) => isCrashLoopSearchComplete(db, host.organization.id, clock(), readMax);
    expect([await isComplete(1), await isComplete(2)]).toEqual([false, true]);
  });
});

serverOnly(describe)('containers that loop on a large host, on postgresql', () => {
  const context = useApi('postgresql', { sharesDatabase: true });

  test('are written in one statement, even if all 5,000 containers of a host exit at once', async () => {
    const host = await (await context.api.organization()).enroll();
    const { db, clock } = context.api;
    const service = createContainerService(db, { now: clock });
    const loops = Array.from({ length: 5_000 }, (_, index) => new Loop(String(index), context.api));
    const report = (all: ContainerInput[]) => service.syncContainers(host.id, all);
    await report(loops.map((loop) => loop.running()));
    expect(await report(loops.map((loop) => loop.exited(CRASHED)))).toMatchObject({ updated: loops.length });
    expect((await host.row('4999'))?.exitTimes).toHaveLength(1);
  });
});
