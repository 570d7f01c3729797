import { describe, expect, test } from '@jest/globals';
import type { Attention, ContainerInput } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { createContainerService } from '../src/services/container.js';
import { recordEndedLoops } from '../src/services/sync/index.js';
import { order } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';
import {
  countKinds,
  CRASHED,
  eventsOf,
  exitsIn,
  Loop,
  MINUTE_MS,
  OUT_OF_MEMORY,
  repeat,
} from './looping-containers.js';

describe.each(testEngines())('a container that exits again and again, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enroll = async () => (await context.api.organization()).enroll();

  /** Returns a function that reports to a process without a cache, so that it reads the rows. */
  const withoutCache = (host: TestHost) => {
    const { db, clock } = context.api;
    const service = createContainerService(db, { now: clock, memoryBytesMax: 0 });
    return (one: ContainerInput) => service.syncContainers(host.id, [one]);
  };

  const paths: [string, (host: TestHost) => (one: ContainerInput) => Promise<unknown>][] = [
    ['the bodies are compared', (host) => (one) => host.sync([one])],
    ['the rows are compared', withoutCache],
    ['snapshots are incomplete', (host) => (one) => host.sync([one], { 'Snapshot-Complete': 'false' })],
    [
      'the configuration also changes',
      (host) => (one) => host.sync([{ ...one, labels: { at: context.api.clock().toISOString() } }]),
    ],
  ];
  test.each(paths)(
    'has 20 single exit events, and then one event an hour for all further exits, if %s',
    async (_name, reportOf) => {
      const host = await enroll();
      const loop = new Loop('a', context.api);
      const report = reportOf(host);
      await report(loop.running());
      await repeat(host, loop, 30, { report, everyMs: 2 * MINUTE_MS });
      await repeat(host, loop, 55, { report, everyMs: 2 * MINUTE_MS, exit: OUT_OF_MEMORY });
      const events = await eventsOf(host, '&kind=created&kind=exited&kind=started&kind=restarted&kind=looping');
      // From the 21st exit on, no exit and no start has an event of its own.
      expect(countKinds(events)).toEqual({ created: 1, exited: 20, started: 20, looping: 2 });
      expect(events.at(-2)).toMatchObject({
        kind: 'looping',
        from: 'running',
        to: 'running',
        exitCode: 137,
        exitReason: 'oom',
        exits: {
          count: 30,
          codes: [
            { ...OUT_OF_MEMORY, count: 20 },
            { ...CRASHED, count: 10 },
          ],
        },
      });
      expect(events.at(-1)?.exits).toMatchObject({ count: 30, codes: [{ ...OUT_OF_MEMORY, count: 30 }] });
      // The exits of the last minutes are counted, but not recorded, because their hour is not over.
      expect((await host.row('a'))?.loop).toMatchObject({ count: 85 - 20 - 60 });
      context.api.clock.advance(60 * MINUTE_MS);
      await recordEndedLoops(context.api.db, context.api.clock());
      expect(exitsIn(await eventsOf(host, '&kind=exited&kind=looping'))).toBe(loop.exits);
    },
  );

  test('changes its row with each report', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 25);
    const exited = loop.exited(OUT_OF_MEMORY);
    expect(await host.sync([exited])).toMatchObject({ applied: true, updated: 1 });
    expect(await host.row('a')).toMatchObject({
      state: 'exited',
      exitCode: 137,
      exit: exited.exit,
      changedAt: context.api.clock(),
    });
    expect(await host.host()).toMatchObject({ failedCount: 1, stateCounts: { exited: 1 } });
  });

  test('gets a last `looping` event when it has run for an hour, and then one event for each exit again', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 30);
    context.api.clock.advance(60 * MINUTE_MS);
    const { db, clock } = context.api;
    // Both processes search for ended loops.
    await Promise.all([recordEndedLoops(db, clock()), recordEndedLoops(db, clock())]);
    expect((await eventsOf(host)).at(-1)).toMatchObject({ kind: 'looping', to: 'running', exits: { count: 10 } });
    await repeat(host, loop, 2);
    const events = await eventsOf(host);
    expect(events.slice(-4).map(({ kind }) => kind)).toEqual(['exited', 'started', 'exited', 'started']);
    expect(exitsIn(events)).toBe(32);
    expect(await host.row('a')).toMatchObject({ loop: null, loopingSince: null });
  });

  test('gets a last `looping` event before its removal, or before an exit that follows the hour of the loop', async () => {
    const host = await enroll();
    const [removed, rare] = [new Loop('a', context.api), new Loop('b', context.api)];
    await host.sync([removed.running(), rare.running()]);
    await repeat(host, rare, 25, { report: (one) => host.sync([{ ...one, dockerId: 'a', name: 'a' }, one]) });
    context.api.clock.advance(90 * MINUTE_MS);
    await host.sync([rare.exited(CRASHED)]);
    const last = (await eventsOf(host)).slice(-4);
    expect(last.map(({ dockerId, kind, exits }) => [dockerId, kind, exits?.count])).toEqual([
      ...[expect.any(Array), expect.any(Array)],
      ['b', 'exited', undefined],
      ['a', 'removed', undefined],
    ]);
    expect(
      last
        .slice(0, 2)
        .map(({ dockerId, kind, exits }) => [dockerId, kind, exits?.count])
        .sort(),
    ).toEqual([
      ['a', 'looping', 5],
      ['b', 'looping', 5],
    ]);
    expect(await host.row('a')).toMatchObject({ loop: null, loopingSince: null });
  });

  test('has each exit counted once, even if the snapshot is sent again', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    const stream = randomUUID();
    let sequence = 0;
    const report = async (one: ContainerInput) => {
      const headers = order(stream, ++sequence, context.api.clock());
      await host.sync([one], headers);
      await host.sync([one], headers);
      await host.through(context.api.replica()).sync([one], headers);
      await host.sync([one], order(stream, ++sequence, context.api.clock()));
    };
    await report(loop.running());
    await repeat(host, loop, 30, { report });
    expect((await host.row('a'))?.loop).toMatchObject({ count: 10 });
  });

  test('has its exits counted by a restarted process that knows the last body but has not read the rows', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    let last = loop.running();
    await host.sync([last]);
    await repeat(host, loop, 19, { report: (one) => host.sync([(last = one as typeof last)]) });
    const restarted = host.through(context.api.replica());
    expect(await restarted.sync([last])).toMatchObject({ unchanged: 1 });
    await repeat(restarted, loop, 5);
    expect(countKinds(await eventsOf(host))).toMatchObject({ exited: 20 });
    expect((await host.row('a'))?.loop).toMatchObject({ count: 4 });
  });

  test('has replayed exits counted by the time of the exit', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    const stream = randomUUID();
    // An agent replays 30 hours in a moment. Each hour has 15 exits.
    const start = context.api.clock().getTime() - 30 * 60 * MINUTE_MS;
    for (let index = 0; index < 60; index++) {
      const at = new Date(start + index * 4 * MINUTE_MS);
      const one = index % 2 === 0 ? loop.exited(CRASHED) : loop.running();
      await host.sync([one], { 'Snapshot-Complete': 'false', ...order(stream, index, at) });
    }
    expect(countKinds(await eventsOf(host))).toEqual({ created: 1, exited: 30, started: 30 });
  });

  test('has its restarts between two reports counted as exits', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    for (let index = 1; index <= 30; index++) {
      context.api.clock.advance(6_000);
      await host.sync([{ ...loop.running(), restartCount: index * 3 }]);
    }
    const events = await eventsOf(host);
    // The 7th report is preceded by 18 exits, and the 8th by 21.
    expect(countKinds(events)).toEqual({ created: 1, restarted: 7 });
    expect((await host.row('a'))?.loop).toMatchObject({ count: 23 * 3, codes: {} });
  });

  test('is found by the filters of events, and exported with its exit counts', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 60, { exit: { code: 0, reason: 'completed' } });
    await repeat(host, loop, 21, { exit: OUT_OF_MEMORY });
    expect(await eventsOf(host, '&kind=looping')).toMatchObject([{ kind: 'looping', exits: { count: 60 } }]);
    expect(await eventsOf(host, '&exitReason=oom')).toMatchObject([{ kind: 'looping' }]);
    const csv = await host.organization.get(`/api/export/events?kind=looping&hostId=${host.id}`).expect(200);
    expect(csv.text).toMatch(/lastExitAt,exitCodes\r?\n/);
    expect(csv.text).toContain('0*40 137*20');
    const ndjson = await host.organization.get(`/api/export/events?kind=looping&format=ndjson`).expect(200);
    expect(JSON.parse(ndjson.text)).toMatchObject({ exits: { count: 60 } });
  });

  test('is a crash loop before and after its counted exits are recorded, but no longer after an hour without exits', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    const report = (one: ContainerInput) => host.sync([one]);
    await host.sync([loop.running()]);
    const crashLoops = async () => {
      await host.beat({ digest: (await host.host()).digest });
      const { containers } = (await host.organization.get('/api/attention').expect(200)).body as Attention;
      return containers.problems.find(({ kind }) => kind === 'crash_loop')?.total ?? 0;
    };
    // Completed exits are not crashes, even if they form a loop.
    await repeat(host, loop, 40, { report, exit: { code: 0, reason: 'completed' } });
    expect(await crashLoops()).toBe(0);
    await repeat(host, loop, 5, { report });
    expect(await crashLoops()).toBe(1);
    const found = await host.organization.get('/api/containers?problem=crash_loop').expect(200);
    expect((found.body as { items: object[] }).items).toMatchObject([{ dockerId: 'a' }]);
    context.api.clock.advance(40 * MINUTE_MS);
    await recordEndedLoops(context.api.db, context.api.clock());
    expect((await host.row('a'))?.loop).toBeNull();
    expect(await crashLoops()).toBe(1);
    context.api.clock.advance(20 * MINUTE_MS);
    expect(await crashLoops()).toBe(0);
  });

  test('has one event for each exit while replicas of an earlier version may run', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    const service = createContainerService(context.api.db, { now: context.api.clock });
    await service.syncContainers(host.id, [loop.running()], { isOwnDigest: false });
    for (let index = 0; index < 30; index++) {
      await service.syncContainers(host.id, [loop.exited(CRASHED)], { isOwnDigest: false });
      await service.syncContainers(host.id, [loop.running()], { isOwnDigest: false });
    }
    expect(countKinds(await eventsOf(host))).toEqual({ created: 1, exited: 30, started: 30 });
  });
});
