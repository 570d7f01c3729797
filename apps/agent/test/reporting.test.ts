import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Heartbeat, Paths, SnapshotHeaders, parseSnapshot, type Container } from '@muster/contracts';
import type { CapturedEngine } from '@muster/testkit/engine-replay';
import { queryStatus } from '../src/status-socket.js';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

const containers = (index: number): Container[] => fixture.muster.snapshots[index]!.json as Container[];
const lastSnapshot = (): Container[] => fixture.muster.snapshots.at(-1)!.json as Container[];
const heartbeat = (index: number): Heartbeat => Heartbeat.parse(fixture.muster.heartbeats.at(index)!.json);

describe.each<CapturedEngine>(['docker-28.5', 'podman-4.3'])(
  'an agent with a captured engine, %s,',
  (capturedEngine) => {
    beforeEach(async () => {
      fixture = await openFixture({ capturedEngine });
    });

    test('enrolls and posts all containers with the observation time, stream and sequence number', async () => {
      const before = Date.now();
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      const [enrollment, snapshot] = fixture.muster.receivedRequests;
      expect([enrollment!.path, snapshot!.path]).toEqual([Paths.agentEnroll, Paths.agentContainers]);
      expect(enrollment!.token).toBe(ENROLL_TOKEN);
      expect(enrollment!.json).toMatchObject({
        engine: { name: capturedEngine === 'docker-28.5' ? 'Docker' : 'Podman' },
        engineId: expect.stringMatching(capturedEngine === 'docker-28.5' ? /^cadd123e-/ : /^(machine|agent)-/),
        agentVersion: expect.any(String),
      });
      expect(snapshot!.token).toMatch(/^muster_agent_/);
      const headers = SnapshotHeaders.parse(snapshot!.headers);
      expect(headers).toMatchObject({ order: { sequence: 1 }, complete: true });
      expect(Date.parse(headers.observedAt!)).toBeGreaterThanOrEqual(before);
      expect(snapshot!.headers['content-type']).toBe('application/json');
      expect(snapshot!.headers['content-encoding']).toBe('gzip');
      expect(snapshot!.raw.length).toBeLessThan(8_192);
      expect(parseSnapshot(snapshot!.json)).toMatchObject({ success: true });
      expect(containers(0).map(({ dockerId }) => dockerId)).toEqual(
        fixture.engine.capture.list.map(({ Id }) => Id).sort(),
      );
    });

    test('inspects each container once, and again when it starts', async () => {
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      const first = fixture.engineServer.calls.inspect;
      expect(first).toBe(fixture.engine.capture.list.length);
      const id = fixture.engine.idOf('h5-exit3')!;
      const startedAt = containers(0).find(({ dockerId }) => dockerId === id)!.startedAt;

      fixture.engine.start(id);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
      expect(fixture.engineServer.calls.inspect).toBe(first + 1);
      const restarted = containers(1).find(({ dockerId }) => dockerId === id)!;
      expect(restarted.state).toBe('running');
      expect(restarted.startedAt! > startedAt!).toBe(true);
    });

    test('reports each change within seconds, and a burst of changes in one snapshot', async () => {
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      fixture.engine.remove(fixture.engine.idOf('h5-exit0')!);
      fixture.engine.pause(fixture.engine.idOf('h5-host')!);
      fixture.engine.rename(fixture.engine.idOf('h5-none')!, 'renamed');
      fixture.engine.create({ name: 'fresh' });
      fixture.engine.die(fixture.engine.idOf('shop-web-1')!, 137);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
      const byName = new Map(lastSnapshot().map((each) => [each.name, each.state]));
      expect(byName.has('h5-exit0')).toBe(false);
      expect(byName.has('h5-none')).toBe(false);
      expect([...['h5-host', 'renamed', 'fresh', 'shop-web-1'].map((name) => byName.get(name))]).toEqual([
        'paused',
        'running',
        'created',
        'exited',
      ]);
      const orders = fixture.muster.snapshots.map(({ headers }) => SnapshotHeaders.parse(headers).order!);
      expect(orders[1]).toEqual({ stream: orders[0]!.stream, sequence: 2 });
    });

    test('reports a changed health', async () => {
      const health = (): string | undefined => lastSnapshot().find(({ name }) => name === 'h5-healthy')?.status;
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      fixture.engine.setHealth(fixture.engine.idOf('h5-healthy')!, 'unhealthy');
      await fixture.muster.until(() => /\(unhealthy\)$/.test(health() ?? ''));
    });
  },
);

describe('between snapshots', () => {
  beforeEach(async () => {
    fixture = await openFixture();
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
  });

  test('heartbeats contain the digest and the stream ID of the last snapshot', async () => {
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 2);
    expect(heartbeat(1)).toMatchObject({ digest: 'digest-1', engine: { name: 'Docker' } });
    expect(heartbeat(1).engineError).toBeUndefined();
    expect(fixture.muster.heartbeats[1]!.headers['snapshot-stream']).toBe(
      fixture.muster.snapshots[0]!.headers['snapshot-stream'],
    );
    expect(fixture.muster.snapshots).toHaveLength(1);
    expect(fixture.engineServer.calls.list).toBe(1);
  });

  test('a snapshot is sent immediately if the response to a heartbeat requests a snapshot', async () => {
    fixture.muster.queueReactions(Paths.agentHeartbeat, {
      status: 200,
      json: { snapshotRequired: true, cadence: fixture.muster.cadence },
    });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    expect(fixture.muster.heartbeats).toHaveLength(1);
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 2);
    expect(heartbeat(1).digest).toBe('digest-2');
  });

  test('the agent adopts the reporting intervals from each API response', async () => {
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 2);
    fixture.muster.cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(fixture.muster.heartbeats).toHaveLength(3);
  });

  test('heartbeats do not contain the digest of a snapshot that was not applied', async () => {
    const { hostId, cadence } = fixture.muster;
    const counts = { received: 24, created: 0, updated: 0, unchanged: 0, removed: 0, revision: 7 };
    fixture.muster.setReaction(Paths.agentContainers, {
      status: 200,
      json: { hostId, applied: false, reason: 'stream_superseded', ...counts, digest: 'theirs', cadence },
    });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    expect([0, 1, 2].map((index) => heartbeat(index).digest)).toEqual([null, null, null]);
    // Each response to a heartbeat requests a snapshot. The agent sends no snapshot, because the API would refuse it
    // again.
    expect(fixture.muster.snapshots).toHaveLength(1);
    expect(fixture.logged.map(({ msg }) => msg).join('\n')).toContain('another agent reports with this host’s token');
  });
});

describe('when the engine cannot be read', () => {
  beforeEach(async () => {
    fixture = await openFixture();
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.3 };
  });

  test.each([
    ['answers with an error', { kind: 'status', status: 500 } as const],
    ['sends a truncated list', { kind: 'truncate' } as const],
    ['resets the connection in the middle of the list', { kind: 'reset' } as const],
  ])(
    'because the engine %s, a heartbeat reports the error, no snapshot is sent, and reporting resumes later',
    async (_, fault) => {
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      fixture.engineServer.setFault('list', fault);
      await fixture.muster.until(() =>
        fixture.muster.heartbeats.some(({ json }) => Heartbeat.parse(json).engineError !== undefined),
      );
      const sent = fixture.muster.snapshots.length;
      const heartbeatsBefore = fixture.muster.heartbeats.length;
      await fixture.muster.until(() => fixture.muster.heartbeats.length >= heartbeatsBefore + 3);
      expect(heartbeat(-1)).toMatchObject({ digest: null, engineError: expect.any(String) });
      expect(fixture.muster.snapshots).toHaveLength(sent);
      expect(fixture.logged.filter(({ msg }) => msg.startsWith('cannot list the containers'))).toHaveLength(1);

      fixture.engineServer.setFault('list', null);
      await fixture.muster.until(() => fixture.muster.snapshots.length > sent);
      expect(lastSnapshot()).toHaveLength(24);
      await fixture.muster.until(() => Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json).digest !== null);
    },
  );

  test('because the engine is frozen while its event stream is open, the next heartbeat reports the error', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.2, snapshotSeconds: 60 };
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 1);
    fixture.engineServer.setFault('ping', { kind: 'status', status: 503 });
    await fixture.muster.until(() =>
      fixture.muster.heartbeats.some(({ json }) => Heartbeat.parse(json).engineError !== undefined),
    );
    expect(heartbeat(-1).digest).toBeNull();
  });

  test('because the engine was stopped, reporting resumes when the engine is started again', async () => {
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    fixture.engineServer.dropEventStreams();
    await fixture.muster.until(() => fixture.muster.snapshots.length >= 3);
    expect(lastSnapshot()).toHaveLength(24);
    await expect(eventually(() => fixture.engineServer.eventStreams() === 1)).resolves.toBe(true);
  });

  test('because inspections fail, all containers are still reported, without start times', async () => {
    fixture.engineServer.setFault('inspect', { kind: 'status', status: 500 });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(lastSnapshot()).toHaveLength(24);
    expect(lastSnapshot().every(({ startedAt }) => startedAt === null)).toBe(true);
  });
});

test('without engine events, a change is reported when the next heartbeat is due', async () => {
  fixture = await openFixture();
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 3_600 };
  fixture.engineServer.setFault('events', { kind: 'status', status: 403 });
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  const startedAfter = Date.now();
  fixture.engine.start(fixture.engine.idOf('h5-exit3')!);
  await fixture.muster.until(() => lastSnapshot().find(({ name }) => name === 'h5-exit3')?.state === 'running');
  const { startedAt } = lastSnapshot().find(({ name }) => name === 'h5-exit3')!;
  expect(Date.parse(startedAt!)).toBeGreaterThanOrEqual(startedAfter);
});

test('a host without containers sends an uncompressed empty snapshot', async () => {
  fixture = await openFixture({ roles: [{ name: 'only', behavior: 'steady' }] });
  fixture.engine.remove(fixture.engine.idOf('only')!);
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  expect(fixture.muster.snapshots[0]!.raw.toString()).toBe('[]');
  expect(fixture.muster.snapshots[0]!.headers['content-encoding']).toBeUndefined();
});

async function eventually(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 1_200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  return condition();
}

test('a container that exceeds a limit is shortened and lists its shortened fields', async () => {
  fixture = await openFixture({ roles: [{ name: 'other', behavior: 'steady', labels: { plain: 'yes' } }] });
  const labels = Object.fromEntries(Array.from({ length: 4_097 }, (_, i) => [`label-${i}`, '']));
  fixture.engine.create({ name: 'many-labels', labels });
  fixture.engine.create({ name: 'long', command: 'x'.repeat(5_000), labels: { long: 'y'.repeat(5_000), short: 'z' } });
  fixture.engine.create({ name: 'n'.repeat(2_000) });
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  const byName = new Map(lastSnapshot().map((each) => [each.name, each]));
  expect(byName.get('other')).toMatchObject({ labels: { plain: 'yes' } });
  expect(byName.get('other')).not.toHaveProperty('truncated');
  expect(byName.get('many-labels')).toMatchObject({ truncated: ['labels'] });
  expect(Object.keys(byName.get('many-labels')!.labels)).toHaveLength(4_096);
  expect(byName.get('long')).toMatchObject({ truncated: ['command', 'labels'], labels: { short: 'z' } });
  expect([byName.get('long')!.command.length, byName.get('long')!.labels['long']!.length]).toEqual([4_096, 4_096]);
  expect(byName.get('n'.repeat(1_024))).toMatchObject({ truncated: ['name'] });
  expect(await queryStatus(fixture.variables['MUSTER_STATE_DIR']!)).toMatchObject({ truncatedContainers: 3 });
});

describe('30 containers in a tight restart loop', () => {
  const roles = Array.from({ length: 30 }, (_, index) => ({ name: `loop-${index}`, behavior: 'steady' as const }));
  beforeEach(async () => {
    fixture = await openFixture({ roles });
    // No heartbeat is due during the test. It could make the server request another snapshot.
    fixture.muster.cadence = { heartbeatSeconds: 600, snapshotSeconds: 600 };
  });

  test('cause a bounded number of lists, inspections and snapshots', async () => {
    const startedAt = performance.now();
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const ids = roles.map(({ name }) => fixture.engine.idOf(name)!);
    const before = { ...fixture.engineServer.calls };
    const rowOf = (index: number) => containers(index).find(({ dockerId }) => dockerId === ids[0])!;
    const last = () => lastSnapshot().find(({ dockerId }) => dockerId === ids[0])!;
    // Each exit and each start is reported in a snapshot.
    for (const code of [1, 2]) {
      const { startedAt: previous } = last();
      fixture.engine.die(ids[0]!, code, true);
      await fixture.muster.until(() => last().status.includes(`(${code})`));
      expect(last().exit).toMatchObject({ code });
      fixture.engine.start(ids[0]!);
      await fixture.muster.until(() => last().state === 'running' && last().startedAt !== previous);
    }
    let events = 0;
    const loopStartedAt = performance.now();
    while (performance.now() - loopStartedAt < 5_000 || events <= 500) {
      for (const id of ids) fixture.engine.die(id, 1, true);
      await new Promise((resolve) => setTimeout(resolve, 25));
      for (const id of ids) fixture.engine.start(id);
      await new Promise((resolve) => setTimeout(resolve, 25));
      events += 2 * ids.length;
    }
    expect(events).toBeGreaterThan(500);
    // The exits and starts above used at least 4 of the 10 readings.
    await fixture.muster.until(() => fixture.muster.snapshots.length - 1 >= 6);
    const snapshots = fixture.muster.snapshots.length - 1;
    expect(snapshots).toBeGreaterThanOrEqual(6);
    // Changes cause at most 10 readings in a row, and then one every 6 s. A change that is read while a snapshot is in
    // flight is sent as a journal entry, and another reading and a snapshot follow. A change therefore causes at most
    // two readings and two requests.
    const readingsMax = 2 * (10 + Math.floor((performance.now() - startedAt) / 6_000));
    expect(snapshots).toBeLessThanOrEqual(readingsMax);
    expect(fixture.engineServer.calls.list - before.list).toBeLessThanOrEqual(readingsMax);
    expect(fixture.engineServer.calls.inspect - before.inspect).toBeLessThanOrEqual(readingsMax * ids.length);
    // Most snapshots show another state. On a busy machine, two readings can fall between the same two changes.
    const rows = fixture.muster.snapshots.map((_, index) => `${rowOf(index).state} ${rowOf(index).startedAt}`);
    expect(new Set(rows).size).toBeGreaterThan(rows.length / 2);
    fixture.engine.die(ids[0]!, 7);
    await fixture.muster.until(() => lastSnapshot().find(({ dockerId }) => dockerId === ids[0])?.state === 'exited');
  });
});
