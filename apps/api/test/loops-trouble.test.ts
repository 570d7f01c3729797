import { describe, expect, test } from '@jest/globals';
import type { ContainerInput } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createContainerService } from '../src/services/container.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { CRASHED, eventsOf, exitsIn, Loop, MINUTE_MS, repeat } from './looping-containers.js';

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
});
