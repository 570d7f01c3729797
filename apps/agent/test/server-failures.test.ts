import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Heartbeat, Paths, SnapshotHeaders } from '@muster/contracts';
import { queryStatus } from '../src/status-socket.js';
import { openFixture, type Fixture } from './fixture.js';
import { problem, type Reaction } from './scripted-muster.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const sequences = (): number[] =>
  fixture.muster.snapshots.map(({ headers }) => SnapshotHeaders.parse(headers).order!.sequence);

describe('after a call that failed but may succeed later,', () => {
  test.each([
    ['429', problem(429)],
    ['500', problem(500)],
    ['502 from a proxy', { status: 502, text: '<html>bad gateway</html>' }],
    ['503', problem(503)],
    ['408', problem(408)],
    ['a connection that is reset', 'reset' as const],
    ['a 200 response that is not from Muster', { status: 200, text: '<html>please log in</html>' }],
  ])(
    'a snapshot is retried with new content and the next sequence number until the API accepts it (%s)',
    async (_, reaction) => {
      fixture.muster.queueReactions(Paths.agentContainers, reaction, reaction);
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
      expect(sequences()).toEqual([1, 2, 3]);
      expect(fixture.engineServer.calls.list).toBe(3);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(fixture.muster.snapshots).toHaveLength(3);
    },
  );

  test('the agent sends only one request at a time', async () => {
    fixture.muster.queueReactions(Paths.agentContainers, 'hang');
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(fixture.muster.receivedRequests.filter(({ path }) => path !== Paths.agentEnroll)).toHaveLength(1);
  });

  test('nothing is sent before the Retry-After has passed', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.muster.queueReactions(Paths.agentContainers, problem(503, 'about:blank', { 'retry-after': '1' }));
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    expect(fixture.muster.snapshots[1]!.atMs - fixture.muster.snapshots[0]!.atMs).toBeGreaterThanOrEqual(1_000);
    expect(fixture.muster.heartbeats).toHaveLength(0);
  });

  describe('a 429 for a snapshot', () => {
    /** Waits until a snapshot has been refused for `seconds`. Returns the heartbeats between it and the next snapshot. */
    async function refuseSnapshot(seconds: number) {
      fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
      fixture.run();
      await fixture.muster.until(() => fixture.muster.heartbeats.length === 1);
      expect(Heartbeat.parse(fixture.muster.heartbeats[0]!.json).digest).not.toBeNull();
      const refusal = problem(429, 'about:blank', { 'retry-after': `${seconds}` });
      fixture.muster.queueReactions(Paths.agentContainers, refusal);
      fixture.engine.pause(fixture.engine.idOf('h5-host')!);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
      const before = fixture.muster.heartbeats.length;
      // A snapshot with this change must also wait.
      fixture.engine.unpause(fixture.engine.idOf('h5-host')!);
      return () => {
        const nextSnapshotAtMs = fixture.muster.snapshots[2]?.atMs ?? Number.POSITIVE_INFINITY;
        const during = fixture.muster.heartbeats.slice(before).filter(({ atMs }) => atMs < nextSnapshotAtMs);
        return during.map(({ json }) => Heartbeat.parse(json));
      };
    }

    test('delays the next snapshot by Retry-After, and heartbeats contain no digest until then', async () => {
      const heartbeatsDuringWait = await refuseSnapshot(2);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
      const [, refused, next] = fixture.muster.snapshots;
      expect(next!.atMs - refused!.atMs).toBeGreaterThanOrEqual(2_000);
      for (const { digest } of heartbeatsDuringWait()) expect(digest).toBeNull();
      await fixture.muster.until(() => Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json).digest !== null);
    });

    test('does not delay heartbeats', async () => {
      const heartbeatsDuringWait = await refuseSnapshot(600);
      await fixture.muster.until(() => heartbeatsDuringWait().length >= 5);
      expect(fixture.muster.snapshots).toHaveLength(2);
      for (const { digest } of heartbeatsDuringWait()) expect(digest).toBeNull();
    });
  });

  test('each 429 without Retry-After delays snapshots for longer, even if heartbeats succeed in between', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 1);
    fixture.muster.queueReactions(Paths.agentContainers, problem(429), problem(429), problem(429), problem(429));
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 6);
    const delays = fixture.logged.flatMap(({ msg, retryInMs }) => (msg.includes('limits the rate') ? [retryInMs] : []));
    expect(delays).toEqual([100, 200, 400, 800]);
    expect(fixture.muster.heartbeats.length).toBeGreaterThanOrEqual(3);
  });

  test('the agent retries while the API is down, and then sends one complete snapshot', async () => {
    const { port } = new URL(fixture.variables['MUSTER_URL']!);
    await fixture.muster.close();
    fixture.run();
    const failures = () => fixture.logged.filter(({ msg }) => msg === 'this machine cannot be enrolled now');
    await eventually(() => failures().length >= 3);
    expect(failures()[0]!['reason']).toContain('refuses connections');
    await fixture.muster.listen(Number(port));
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(fixture.muster.snapshots[0]!.json).toHaveLength(24);
  });

  test('a heartbeat is retried', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.muster.queueReactions(Paths.agentHeartbeat, problem(500), 'reset');
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 4);
    expect(fixture.muster.snapshots).toHaveLength(1);
  });
});

describe('a snapshot that a proxy refuses', () => {
  const refusal: Reaction = { status: 403, text: '<html>forbidden</html>' };

  test('is retried soon, while heartbeats report the refusal and contain no digest', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 1);
    fixture.muster.setReaction(Paths.agentContainers, refusal);
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 4);
    const before = fixture.muster.heartbeats.length;
    await fixture.muster.until(() => fixture.muster.heartbeats.length === before + 2);
    expect(Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json)).toMatchObject({
      digest: null,
      problems: [{ code: 'snapshot_refused', message: expect.stringContaining('403') }],
    });
    expect(fixture.logged.filter(({ level, msg }) => level === 50 && msg.includes('but not by Muster'))).toHaveLength(
      1,
    );
    fixture.muster.setReaction(Paths.agentContainers, null);
    await fixture.muster.until(() => Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json).digest !== null);
    expect(Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json).problems).toBeUndefined();
  });

  test('does not count as a response of the API', async () => {
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const status = () => queryStatus(fixture.variables['MUSTER_STATE_DIR']!);
    await eventually(() => fixture.logged.some(({ msg }) => msg === 'snapshot applied'));
    const before = await status();
    fixture.muster.setReaction(Paths.agentContainers, refusal);
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 4);
    expect(await status()).toMatchObject({
      acceptedAt: before!.acceptedAt,
      serverError: expect.stringContaining('403'),
      journalEntries: 1,
    });
  });
});

describe('after a call that failed permanently,', () => {
  test.each([400, 403, 404, 413, 415])(
    'a snapshot refused with %i is not sent again before a change, and heartbeats contain no digest',
    async (status) => {
      fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
      fixture.muster.queueReactions(Paths.agentContainers, { status: 200, json: firstSummary() }, problem(status));
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      fixture.engine.pause(fixture.engine.idOf('h5-host')!);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
      const heartbeatsBefore = fixture.muster.heartbeats.length;
      await fixture.muster.until(() => fixture.muster.heartbeats.length === heartbeatsBefore + 3);
      expect(Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json)).toMatchObject({ digest: null });
      expect(fixture.muster.snapshots).toHaveLength(2);
      expect(fixture.logged.filter(({ level }) => level === 50)).toHaveLength(1);

      fixture.engine.unpause(fixture.engine.idOf('h5-host')!);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
      await fixture.muster.until(() => Heartbeat.parse(fixture.muster.heartbeats.at(-1)!.json).digest !== null);
    },
  );

  test('the agent does not follow a redirect, so the token is not sent to another server', async () => {
    const otherServer = await openFixture();
    try {
      fixture.muster.setReaction(Paths.agentContainers, {
        status: 307,
        headers: { location: `${otherServer.variables['MUSTER_URL']}${Paths.agentContainers}` },
      });
      fixture.run();
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(otherServer.muster.receivedRequests).toHaveLength(0);
    } finally {
      await otherServer.close();
    }
  });
});

test('a refused heartbeat is logged once per reason, and shown in the status until a heartbeat is accepted', async () => {
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.5 };
  fixture.muster.setReaction(Paths.agentHeartbeat, problem(403));
  fixture.run();
  await fixture.muster.until(() => fixture.muster.heartbeats.length >= 5 && fixture.muster.snapshots.length >= 2);
  const status = () => queryStatus(fixture.variables['MUSTER_STATE_DIR']!);
  expect((await status())!.serverError).toMatch(/refuses the heartbeats: .*403/);
  const errors = () =>
    fixture.logged.filter(({ level, msg }) => level === 50 && msg.includes('refused this heartbeat'));
  expect(errors()).toHaveLength(1);
  fixture.muster.setReaction(Paths.agentHeartbeat, problem(404));
  await eventually(() => errors().length === 2);
  fixture.muster.setReaction(Paths.agentHeartbeat, null);
  const before = fixture.muster.heartbeats.length;
  await fixture.muster.until(() => fixture.muster.heartbeats.length === before + 2);
  expect((await status())!.serverError).toBeNull();
});

test('a repeatedly refused snapshot is logged once, although each response has another request ID', async () => {
  fixture.muster.cadence = { heartbeatSeconds: 60, snapshotSeconds: 0.1 };
  fixture.muster.queueReactions(Paths.agentContainers, { status: 200, json: firstSummary() });
  fixture.muster.setReaction(Paths.agentContainers, problem(400));
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 5);
  const errors = (): unknown[] => fixture.logged.flatMap(({ level, reason }) => (level === 50 ? [reason] : []));
  expect(errors()).toEqual([expect.stringContaining('Problem 400')]);
  fixture.muster.setReaction(Paths.agentContainers, problem(415));
  await eventually(() => errors().length === 2);
});

test('a snapshot that is ignored because the clock was set back is sent again within 15 s', async () => {
  const ignored = { ...firstSummary(), applied: false, reason: 'observed_earlier' };
  fixture.muster.queueReactions(Paths.agentContainers, { status: 200, json: ignored });
  fixture.run();
  await eventually(() =>
    fixture.logged.some(({ msg }) => msg.includes('clock is behind its time in the agent’s previous run')),
  );
  expect(fixture.logged.findLast(({ level }) => level === 40)).toMatchObject({ retryInMs: 15_000 });
});

test('a superseded agent starts a new stream only after ten minutes without changes by the other agent', async () => {
  fixture.muster.cadence = { heartbeatSeconds: 60, snapshotSeconds: 0.1 };
  const summary = { ...firstSummary(), applied: false, reason: 'stream_superseded' };
  fixture.muster.setReaction(Paths.agentContainers, { status: 200, json: summary });
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 5);
  expect(new Set(fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream'])).size).toBe(1);
});

const firstSummary = () => ({
  hostId: fixture.muster.hostId,
  applied: true,
  received: 24,
  created: 24,
  updated: 0,
  unchanged: 0,
  removed: 0,
  revision: 1,
  digest: 'digest-1',
  cadence: fixture.muster.cadence,
});

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(condition()).toBe(true);
}
