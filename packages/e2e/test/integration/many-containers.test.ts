import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';
import { Muster } from '../support/muster.js';

const CONTAINERS = 6_000;
const REPORTED = 5_000;

let dir: string;
let muster: Muster;
let engine: Awaited<ReturnType<typeof startReplayedEngine>>;
let agent: Program;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-many-'));
  engine = await startReplayedEngine({
    ...{ capturedEngine: 'docker-28.5', listen: { socketPath: join(dir, 'engine.sock') }, seed: 1 },
    roles: [{ name: 'z', behavior: 'steady' }],
  });
  muster = new Muster(dir, { MUSTER_SNAPSHOT_SECONDS: '60' });
  await muster.start();
});
afterEach(async () => {
  await agent.stop();
  await muster.stop();
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

const nameOf = (index: number): string => `c-${String(index).padStart(5, '0')}`;
const create = (): string[] => Array.from({ length: CONTAINERS }, (_, i) => engine.engine.create({ name: nameOf(i) }));

test('a host with 6,000 containers reports the first 5,000 by name, even after all containers were replaced', async () => {
  let ids = create();
  agent = startProgram(mainOf('agent'), {
    env: {
      ...{ MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: await muster.enrollmentToken() },
      ...{ MUSTER_STATE_DIR: join(dir, 'agent'), DOCKER_HOST: engine.server.dockerHost },
    },
  });
  const exact = (): Promise<void> =>
    eventually(
      async () => {
        expect((await muster.host()).containerCount).toBe(REPORTED);
        // The first, a middle and the last reported container exist, but the next container by name does not.
        for (const index of [0, 2_500, REPORTED - 1, REPORTED]) {
          const found = await muster.containers(`&q=${nameOf(index)}`);
          expect(found.map(({ dockerId }) => dockerId)).toEqual(index < REPORTED ? [ids[index]] : []);
        }
      },
      240_000,
      // The interval is long, because frequent searches would slow down the snapshots.
      500,
    );
  await exact();
  for (let round = 0; round < 3; round++) {
    for (const id of ids) engine.engine.remove(id);
    ids = create();
    await exact();
  }
  expect(agent.stderr()).toContain('not all containers can be reported');
  expect(agent.stderr()).not.toMatch(/the API (refused|rejects)|bug in the agent/);
}, 900_000);
