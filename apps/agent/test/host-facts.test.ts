import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Heartbeat, Paths, type EnrollRequest } from '@muster/contracts';
import { openFixture, type Fixture } from './fixture.js';
import { problem } from './scripted-muster.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
});
afterEach(() => fixture.close());

const heartbeats = (): Heartbeat[] => fixture.muster.heartbeats.map(({ json }) => Heartbeat.parse(json));
const SETTINGS = { MUSTER_HOST_LABELS: 'env=prod,site=fra', MUSTER_HOST_NAME: 'edge-1' };

describe('the facts about the host', () => {
  test('are in the enrollment and in the first heartbeat after the start, but not in later heartbeats', async () => {
    const agent = fixture.run(SETTINGS);
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    const { info } = fixture.engine.capture as unknown as { info: Record<string, unknown> };
    const facts = {
      name: 'edge-1',
      labels: { env: 'prod', site: 'fra' },
      kernel: info['KernelVersion'],
      cpus: info['NCPU'],
      memoryBytes: info['MemTotal'],
      engineFacts: { cgroupVersion: info['CgroupVersion'], storageDriver: info['Driver'], rootless: false },
    };
    const enrollment = fixture.muster.receivedRequests.find(({ path }) => path === Paths.agentEnroll)!;
    const { name, engineId, facts: enrolled } = enrollment.json as EnrollRequest;
    expect(name).toBe('edge-1');
    expect(enrolled).toMatchObject(facts);
    const [first, ...others] = heartbeats();
    expect(first!.facts).toMatchObject({ ...facts, engineId });
    expect(others.map((each) => each.facts)).toEqual(others.map(() => undefined));

    await agent.stop();
    const before = fixture.muster.heartbeats.length;
    fixture.run({ MUSTER_HOST_LABELS: 'env=test' });
    await fixture.muster.until(() => fixture.muster.heartbeats.length > before);
    expect(heartbeats()[before]!.facts).toMatchObject({ name: info['Name'], labels: { env: 'test' } });
  });

  test('are repeated until the API has acknowledged a heartbeat that contains them', async () => {
    fixture.muster.queueReactions(Paths.agentHeartbeat, problem(503), 'reset');
    fixture.run(SETTINGS);
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 4, 30_000);
    expect(heartbeats().map(({ facts }) => facts?.name)).toEqual(['edge-1', 'edge-1', 'edge-1', undefined]);
  });
});
