import { describe, expect, test } from '@jest/globals';
import type { ContainerInput } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createContainerService } from '../src/services/container.js';
import { recordEndedLoops } from '../src/services/sync/index.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { CRASHED, eventsOf, exitsIn, Loop, MINUTE_MS, repeat } from './looping-containers.js';

const HOUR_MS = 60 * MINUTE_MS;

describe.each(testEngines())('containers that loop while something else goes wrong, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enroll = async () => (await context.api.organization()).enroll();

  test('are written in one statement, even if all 5,000 containers of a host end at once', async () => {
    const host = await enroll();
    const { db, clock } = context.api;
    const { syncContainers } = createContainerService(db, { now: clock });
    const loops = Array.from({ length: 5_000 }, (_, index) => new Loop(String(index), context.api));
    const report = (all: ContainerInput[]) => syncContainers(host.id, all);
    await report(loops.map((loop) => loop.running()));
    expect(await report(loops.map((loop) => loop.exited(CRASHED)))).toMatchObject({ updated: loops.length });
    expect((await host.row('4999'))?.exitTimes).toHaveLength(1);
  });

  test('have a last count if they are removed while a replica of an earlier version runs', async () => {
    const host = await enroll();
    const loop = new Loop('a', context.api);
    await host.sync([loop.running()]);
    await repeat(host, loop, 25);
    const { syncContainers } = createContainerService(context.api.db, { now: context.api.clock });
    await syncContainers(host.id, [], { isOwnDigest: false });
    const events = await eventsOf(host);
    expect(events.slice(-2).map(({ kind }) => kind)).toEqual(['looping', 'removed']);
    expect(exitsIn(events)).toBe(25);
  });

  test('have a last count on each host, even if the counts of another host cannot be recorded', async () => {
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

  test('have a last count if more than a statement records end at once', async () => {
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
});
