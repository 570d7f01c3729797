/** Tests how an agent treats an engine that fails, is slow, or changes all the time. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Heartbeat, Paths, type Container, type EnrollRequest } from '@muster/contracts';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timing } from '../src/agent.js';
import { openFixture, type Fixture } from './fixture.js';
import { ScriptedEngine } from './scripted-engine.js';

/** The length of a simulated minute. All waits for the engine are 50 times shorter than usual. */
const MINUTE_MS = 1_200;

let fixture: Fixture;
let engine: ScriptedEngine;
let socketPath: string;

async function open(timing: Partial<Timing> = {}): Promise<void> {
  fixture = await openFixture({ coalesceMs: 20, timing });
  fixture.muster.cadence = { heartbeatSeconds: 0.2, snapshotSeconds: 60 };
  engine = new ScriptedEngine();
  socketPath = join(fixture.dir, 'scripted.sock');
  for (const id of ['a', 'b', 'c']) engine.set(id);
}

const run = (variables: Record<string, string> = {}) =>
  fixture.run({ DOCKER_HOST: `unix://${socketPath}`, ...variables });

/** Starts the engine and an agent, and waits for the first snapshot. */
async function start(timing: Partial<Timing> = {}): Promise<void> {
  await open(timing);
  await engine.listen(socketPath);
  run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
}

afterEach(async () => {
  await fixture.close();
  await engine.close();
});

const heartbeats = (): Heartbeat[] => fixture.muster.heartbeats.map(({ json }) => Heartbeat.parse(json));
const problemCodes = (): string[] => (heartbeats().at(-1)?.problems ?? []).map(({ code }) => code);
const enrollments = (): EnrollRequest[] =>
  fixture.muster.requestsTo(Paths.agentEnroll).map(({ json }) => json as EnrollRequest);
const warnings = () => fixture.logged.filter(({ level }) => level >= 40);
const stateOf = (id: string): string | undefined =>
  (fixture.muster.snapshots.at(-1)?.json as Container[]).find(({ dockerId }) => dockerId === id)?.state;

/**
 * Sends an event every 5 ms for at least `ms` milliseconds and until the engine has received `lists` lists. Returns the
 * real duration, because a busy machine takes longer.
 */
async function emitFor(ms: number, action: string, lists = 0): Promise<number> {
  const startedAt = performance.now();
  while (performance.now() < startedAt + ms || engine.count('list') < lists) {
    engine.emit(action, 'a');
    await sleep(5);
  }
  return performance.now() - startedAt;
}

describe('an engine whose list fails while its events arrive', () => {
  test.each([
    ['because a proxy forbids it', { status: 403, text: 'Request forbidden by administrative rules.' }, null],
    ['with an error', { status: 500 }, null],
    ['because it is not JSON', { text: '<html>' }, null],
    ['because the connection breaks', 'reset', null],
    // The list, which is sent at the same time as the request for the events, then always fails first.
    ['because the connection breaks, and event streams open slowly', 'reset', { delayMs: 30 }],
  ] as const)(
    'is listed at most six times a minute and causes at most two warnings (%s)',
    async (_, reaction, opening) => {
      await start({ random: () => 0.5 });
      engine.react('list', reaction);
      engine.react('events', opening);
      engine.received = [];
      const minutes = (await emitFor(MINUTE_MS, 'start', 1)) / MINUTE_MS;
      expect(engine.count('list')).toBeGreaterThanOrEqual(1);
      expect(engine.count('list')).toBeLessThanOrEqual(Math.floor(6 * minutes));
      expect(engine.count('events')).toBeLessThanOrEqual(Math.floor(6 * minutes));
      // Heartbeats are five times as frequent as usual.
      expect(engine.received.length).toBeLessThanOrEqual(Math.floor(30 * minutes));
      expect(warnings().length).toBeLessThanOrEqual(2);
      engine.received = [];
      const laterMinutes = (await emitFor(MINUTE_MS, 'start')) / MINUTE_MS;
      expect(engine.count('list')).toBeLessThanOrEqual(Math.floor(6 * laterMinutes));
      expect(warnings().length).toBeLessThanOrEqual(2);
      // A list may fail immediately before the engine recovers.
      engine.react('list', null);
      engine.set('a', { state: 'paused' });
      await fixture.muster.until(() => stateOf('a') === 'paused');
    },
  );

  test('keeps its event stream if only the list is refused', async () => {
    await start();
    engine.react('list', { status: 403 });
    engine.received = [];
    await emitFor(300, 'start', 1);
    expect(engine.count('list')).toBeGreaterThanOrEqual(1);
    expect(engine.count('events')).toBe(0);
    expect(engine.eventStreams()).toBe(1);
  });

  test('is reported as failing, and heartbeats contain no digest, until the list succeeds', async () => {
    await start();
    engine.react('list', { status: 403 });
    engine.emit('start', 'a');
    await fixture.muster.until(() => problemCodes().includes('list_refused'));
    const before = fixture.muster.heartbeats.length;
    await fixture.muster.until(() => fixture.muster.heartbeats.length >= before + 2);
    expect(heartbeats().at(-1)!.digest).toBeNull();
    engine.react('list', null);
    await fixture.muster.until(() => heartbeats().at(-1)!.digest !== null);
    expect(problemCodes()).toEqual([]);
  });
});

test('an engine that is not running is logged once, although calls fail in different ways', async () => {
  await start();
  let calls = 0;
  const alternate = () => (calls++ % 2 === 0 ? ('reset' as const) : { text: 'x', delayMs: 5 });
  for (const route of ['list', 'ping', 'events'] as const) engine.react(route, route === 'list' ? 'reset' : alternate);
  engine.closeEventStreams();
  engine.received = [];
  await eventually(() => engine.count('list') + engine.count('ping') >= 5);
  expect(warnings()).toHaveLength(1);
  expect(warnings()[0]!.msg).toContain('cannot list the containers');
});

test('the containers of a restarted engine are reported without waiting for the backoff', async () => {
  await start();
  await engine.close();
  await fixture.muster.until(() => problemCodes().includes('engine_unreachable'));
  await sleep(500);
  engine.remove('a');
  await engine.listen(socketPath);
  await fixture.muster.until(() => fixture.muster.snapshots.length >= 2);
  expect(fixture.muster.snapshots.at(-1)!.json).toHaveLength(2);
  expect(warnings()).toHaveLength(1);
});

describe('an event stream', () => {
  test('is reopened when it ends, and the containers are then listed once', async () => {
    // A change that is noticed when the stream ends is read only after this time. The reading that follows the opening
    // of the next stream comes first, however long the opening takes.
    await open({ coalesceMs: 60_000 });
    // No heartbeat is in flight when the stream ends. Otherwise, the change would also be recorded in the journal.
    fixture.muster.cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    for (let i = 1; i <= 3; i++) {
      engine.received = [];
      engine.set('a', { state: i % 2 === 0 ? 'running' : 'paused' });
      engine.closeEventStreams();
      await fixture.muster.until(() => fixture.muster.snapshots.length === i + 1);
      expect(stateOf('a')).toBe(i % 2 === 0 ? 'running' : 'paused');
      const order = engine.received.map(({ route }) => route).filter((route) => route === 'list' || route === 'events');
      expect(order).toEqual(['events', 'list']);
    }
    expect(warnings()).toEqual([]);
  });

  test('is retried with the same backoff if the engine refuses it, and logged once', async () => {
    await open();
    await engine.listen(socketPath);
    engine.react('events', { status: 403 });
    const startedAt = performance.now();
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    await sleep(MINUTE_MS);
    // The agent lists the containers once before the wait, and then whenever a heartbeat is due, because nothing else
    // would show a change.
    await eventually(() => engine.count('list') > 1);
    // On a busy machine, the wait and the first snapshot take longer.
    const durationMs = performance.now() - startedAt;
    expect(engine.count('events')).toBeLessThanOrEqual(1 + Math.floor((6 * durationMs) / MINUTE_MS));
    const heartbeatMsMin = 0.9 * fixture.muster.cadence.heartbeatSeconds * 1_000;
    expect(engine.count('list')).toBeLessThanOrEqual(1 + Math.floor(durationMs / heartbeatMsMin));
    expect(warnings().map(({ msg }) => msg)).toEqual([expect.stringContaining('no event stream from the engine')]);
  });

  test('is regularly replaced without a gap and without listing the containers', async () => {
    await start({ watch: { renewMs: 200, overlapMs: 40, stableMs: 0 } });
    engine.received = [];
    await eventually(() => engine.count('events') >= 4);
    expect(engine.count('list')).toBe(0);
    await eventually(() => engine.eventStreams() === 2);
    engine.set('b', { state: 'paused' });
    engine.emit('pause', 'b');
    await fixture.muster.until(() => stateOf('b') === 'paused');
    expect(engine.count('list')).toBe(1);
    await eventually(() => engine.eventStreams() === 1);
  });

  test('is kept if no second event stream can be opened', async () => {
    await start({ watch: { renewMs: 100, overlapMs: 10, stableMs: 0 } });
    engine.react('events', { status: 403 });
    engine.received = [];
    await eventually(() => engine.count('events') >= 2);
    engine.set('b', { state: 'paused' });
    engine.emit('pause', 'b');
    await fixture.muster.until(() => stateOf('b') === 'paused');
    expect(warnings()).toEqual([]);
  });
});

describe('events about the health of a container', () => {
  const healthOf = (id: string) => /\((healthy|unhealthy)\)$/.exec(statusOf(id) ?? '')?.[1];
  const statusOf = (id: string): string | undefined =>
    (fixture.muster.snapshots.at(-1)!.json as Container[]).find(({ dockerId }) => dockerId === id)?.status;

  beforeEach(async () => {
    await open();
    fixture.muster.cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
    engine.set('a', { health: 'healthy' });
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    engine.received = [];
  });

  test.each([
    ['Docker', 'health_status: healthy', {}],
    ['Podman 5', 'health_status', { HealthStatus: 'healthy' }],
  ])('cause no call to the engine if the health has not changed (%s)', async (_, action, fields) => {
    for (let i = 0; i < 20; i++) engine.emit(action, 'a', fields);
    await sleep(300);
    expect(engine.received).toEqual([]);
    expect(fixture.muster.snapshots).toHaveLength(1);
  });

  test('cause one inspection and no list if they do not contain the health (Podman 4)', async () => {
    for (let i = 0; i < 20; i++) engine.emit('health_status', 'a');
    await eventually(() => engine.received.length > 0);
    await sleep(300);
    expect(engine.received.map(({ route }) => route)).toEqual(['inspect']);
    expect(fixture.muster.snapshots).toHaveLength(1);
  });

  test.each([
    ['Docker', 'health_status: unhealthy', {}],
    ['Podman 5', 'health_status', { HealthStatus: 'unhealthy' }],
    ['Podman 4', 'health_status', {}],
  ])('are reported soon if the health has changed (%s)', async (_, action, fields) => {
    engine.set('a', { health: 'unhealthy' });
    engine.emit(action, 'a', fields);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    expect(healthOf('a')).toBe('unhealthy');
  });
});

describe('events that show why a container exited', () => {
  /** The time fields of an event at this instant. */
  const at = (instant: string) => ({ time: Date.parse(instant) / 1_000 });
  const line = (Action: string, instant: string, signal?: string): string =>
    JSON.stringify({ Type: 'container', Action, Actor: { ID: 'a', Attributes: { signal } }, ...at(instant) });
  const exitOf = (id: string) =>
    (fixture.muster.snapshots.at(-1)!.json as Container[]).find(({ dockerId }) => dockerId === id)!.exit;
  const ended = {
    state: 'exited',
    status: 'Exited (5) 2 minutes ago',
    inspectedState: { ExitCode: 5, FinishedAt: '2026-11-30T10:00:00Z' },
  };

  test('cause no list until the container exits', async () => {
    await start();
    engine.received = [];
    engine.emit('kill', 'a', at('2026-11-30T09:59:59Z'));
    engine.emit('oom', 'b', at('2026-11-30T09:59:59Z'));
    await sleep(300);
    expect(engine.count('list')).toBe(0);
    engine.set('b', { ...ended, status: 'Exited (5) 1 second ago' });
    engine.emit('die', 'b', at('2026-11-30T10:00:00Z'));
    await fixture.muster.until(() => exitOf('b')?.reason === 'oom');
    expect(fixture.muster.snapshots).toHaveLength(2);
  });

  test('that precede the agent’s start are read before the first report', async () => {
    await open();
    engine.set('a', ended);
    engine.pastEvents = [line('kill', '2026-11-30T09:59:58Z', '15'), line('die', '2026-11-30T10:00:00Z')];
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(exitOf('a')).toEqual({ code: 5, reason: 'stopped', error: '', finishedAt: '2026-11-30T10:00:00.000Z' });
  });

  test('that occur while no event stream is open are read before the next report', async () => {
    // As in the test of a stream that is reopened, nothing is read before the next stream is open, and no heartbeat is
    // in flight.
    await open({ coalesceMs: 60_000 });
    fixture.muster.cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    engine.set('a', ended);
    engine.pastEvents = [line('die', '2026-11-30T10:00:00Z')];
    engine.closeEventStreams();
    await fixture.muster.until(() => exitOf('a')?.reason === 'crashed');
    expect(fixture.muster.snapshots).toHaveLength(2);
  });

  test.each([
    ['a proxy refuses them', { status: 403 }],
    ['the engine does not answer', 'hang'],
  ] as const)('are not necessary for a report if %s', async (_, reaction) => {
    await open();
    engine.set('a', ended);
    engine.react('pastEvents', reaction);
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(exitOf('a')?.reason).toBe('unknown');
    expect(warnings()).toEqual([]);
  });
});

test('a crash loop causes a bounded number of lists, inspections and snapshots', async () => {
  await open();
  // A heartbeat during the loop could make the server request another snapshot.
  fixture.muster.cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
  await engine.listen(socketPath);
  run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  engine.received = [];
  const startedAt = performance.now();
  for (let i = 0; i < 150; i++) {
    engine.set('a', { state: i % 2 === 0 ? 'exited' : 'running', startedAt: new Date(1e12 + i * 1_000).toISOString() });
    engine.emit(i % 2 === 0 ? 'die' : 'start', 'a');
    await sleep(20);
  }
  // Ten readings at once, then one every six seconds, and the reading that was in progress.
  const readingsMax = 11 + Math.ceil((performance.now() - startedAt) / 6_000);
  // A change that is read while a snapshot is in flight is sent as a journal entry, and one more reading follows.
  const entries = fixture.muster.snapshots.filter(({ headers }) => headers['snapshot-complete'] === 'false').length;
  expect(engine.count('list')).toBeLessThanOrEqual(readingsMax + entries);
  expect(engine.count('inspect')).toBeLessThanOrEqual(readingsMax + entries);
  expect(fixture.muster.snapshots.length).toBeLessThanOrEqual(1 + 2 * readingsMax);
});

describe('a slow list', () => {
  /** Holds all lists from now on until the returned function is called. */
  function holdList(): () => void {
    let answer = (): void => undefined;
    const after = new Promise<void>((resolve) => (answer = resolve));
    engine.react('list', { after });
    return () => {
      engine.react('list', null);
      answer();
    };
  }

  test('does not stop the heartbeats, which at first contain the digest of the last snapshot', async () => {
    await open();
    fixture.muster.cadence = { heartbeatSeconds: 0.15, snapshotSeconds: 0.5 };
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const listed = engine.count('list');
    const answerList = holdList();
    await eventually(() => engine.count('list') > listed);
    const startedAt = engine.received.findLast(({ route }) => route === 'list')!.atMs;
    const sent = fixture.muster.snapshots.length;
    const sinceStart = () => fixture.muster.heartbeats.filter(({ atMs }) => atMs > startedAt);
    await fixture.muster.until(() => sinceStart().length >= 3);
    const during = sinceStart();
    answerList();
    await fixture.muster.until(() => fixture.muster.snapshots.length === sent + 1);
    expect(during.length).toBeGreaterThanOrEqual(3);
    expect(during.map(({ json }) => Heartbeat.parse(json).digest)).toEqual(during.map(() => `digest-${sent}`));
    // The responses to heartbeats caused no other list.
    expect(engine.count('list')).toBe(listed + 1);
  });

  test('after a change makes the agent omit the digest from its heartbeats', async () => {
    await open();
    // No heartbeat is in flight when the change is read. Otherwise, the change would be recorded in the journal.
    fixture.muster.cadence = { heartbeatSeconds: 1, snapshotSeconds: 60 };
    await engine.listen(socketPath);
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const answerList = holdList();
    engine.emit('pause', 'a');
    await eventually(() => engine.count('list') === 2);
    const listedAt = engine.received.findLast(({ route }) => route === 'list')!.atMs;
    const sinceList = () => fixture.muster.heartbeats.filter(({ atMs }) => atMs > listedAt);
    await fixture.muster.until(() => sinceList().length >= 1);
    const during = sinceList();
    answerList();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    expect(during.length).toBeGreaterThanOrEqual(1);
    expect(during.map(({ json }) => Heartbeat.parse(json).digest)).toEqual(during.map(() => null));
    await sleep(300);
    expect(engine.count('list')).toBe(2);
    expect(fixture.muster.snapshots).toHaveLength(2);
  });

  test('is recorded in the journal if a heartbeat fails in the meantime, and sent when the API allows it', async () => {
    await start();
    engine.react('list', { delayMs: 1_400 });
    fixture.muster.queueReactions(Paths.agentHeartbeat, { status: 503, headers: { 'retry-after': '1' }, text: '{}' });
    // The next heartbeat is sent while the list is in flight.
    await fixture.muster.until(() => fixture.muster.heartbeats.length >= 1);
    engine.remove('a');
    engine.emit('destroy', 'a');
    await fixture.muster.until(() => fixture.muster.snapshots.length >= 3);
    expect(fixture.muster.snapshots.at(-1)!.json).toHaveLength(2);
  });

  test('succeeds at the second attempt, because the timeout doubles', async () => {
    await open();
    await engine.listen(socketPath);
    engine.react('list', { delayMs: 1_300 });
    run({ MUSTER_ENGINE_TIMEOUT: '1' });
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    // Only the first list timed out.
    const [error] = warnings();
    expect(error!['engineError']).toMatch(/did not answer within 1 s .*2 s; MUSTER_ENGINE_TIMEOUT/);
    expect(warnings()).toHaveLength(1);
  });
});

describe('at the first start of an agent,', () => {
  const WITHOUT_ENGINE = { enrollWithoutEngineMs: 400 };

  test.each([
    ['because a proxy forbids the list', { status: 403 } as const, 'list_refused'],
    ['because the list takes too long', 'hang' as const, 'engine_unreachable'],
  ])('the agent enrolls and reports a problem if it cannot list the containers (%s)', async (_, reaction, code) => {
    await open(WITHOUT_ENGINE);
    await engine.listen(socketPath);
    engine.react('list', reaction);
    run({ MUSTER_ENGINE_TIMEOUT: '1' });
    await fixture.muster.until(() => fixture.muster.heartbeats.length >= 1);
    expect(problemCodes()).toEqual([code]);
    expect(heartbeats()[0]!.digest).toBeNull();
    expect(enrollments()).toMatchObject([{ name: 'box', engineId: 'AAAA:BBBB', engine: { version: '27.0.1' } }]);
    engine.react('list', null);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(enrollments()).toHaveLength(1);
  });

  test('an engine that stays stopped makes the agent enroll with a random identity and keep this identity', async () => {
    await open(WITHOUT_ENGINE);
    const agent = run();
    await eventually(() => warnings().length >= 1);
    expect(enrollments()).toEqual([]);
    await fixture.muster.until(() => fixture.muster.heartbeats.length >= 2);
    expect(problemCodes()).toEqual(['engine_unreachable']);
    expect(heartbeats()[0]).not.toHaveProperty('engine');
    expect(enrollments()).toMatchObject([
      { name: expect.stringMatching(/./), engineId: expect.stringMatching(/^agent-/), engine: { name: 'unknown' } },
    ]);
    await engine.listen(socketPath);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    await fixture.muster.until(() => heartbeats().at(-1)!.engine?.name === 'Docker');
    await agent.stop();
    const before = fixture.muster.snapshots.length;
    run();
    await fixture.muster.until(() => fixture.muster.snapshots.length > before);
    expect(enrollments()).toHaveLength(1);
  });

  test('an engine that is stopped for a moment makes the agent enroll with the engine’s identity', async () => {
    // A moment is at most half a minute here, so that the engine can also start on a busy machine.
    await open({ enrollWithoutEngineMs: 30_000 });
    run();
    await eventually(() => warnings().length >= 1);
    await engine.listen(socketPath);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(enrollments()).toMatchObject([{ engineId: 'AAAA:BBBB' }]);
  });

  test('a refused call for the engine’s version is reported as the problem', async () => {
    await open(WITHOUT_ENGINE);
    await engine.listen(socketPath);
    engine.forbidden = /^\/version$/;
    run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length >= 1);
    expect(heartbeats().at(-1)!.problems![0]!.message).toContain('/version with 403');
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3_000 && !condition(); i++) await sleep(10);
  expect(condition()).toBe(true);
}
