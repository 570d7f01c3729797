import { describe, expect, test } from '@jest/globals';
import type { ContainerInput } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createContainerService } from '../src/services/container.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { CRASHED, Loop, MINUTE_MS } from './looping-containers.js';

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
});
