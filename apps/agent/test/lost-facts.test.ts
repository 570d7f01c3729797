import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Container } from '@muster/contracts';
import { eventually } from '@muster/testkit';
import { pino } from 'pino';
import { EngineAddress } from '../src/engine/address.js';
import { createEngineClient, type EngineClient } from '../src/engine/client.js';
import { createEngineFollower } from '../src/engine/engine-follower.js';
import { createEngineGate } from '../src/engine/engine-gate.js';
import type { EnginePoller } from '../src/engine/engine-poller.js';
import { createExitHistory, type ExitHistory } from '../src/engine/exit-history.js';
import type { LastRun } from '../src/engine/exit-reason.js';
import { createInventory, type Inventory } from '../src/engine/inventory.js';
import { EngineEvent } from '../src/engine/shapes.js';
import { ScriptedEngine } from './scripted-engine.js';

const signal = new AbortController().signal;
const FINISHED_AT = Date.parse('2026-11-01T11:00:00Z');
const FAILED = { ExitCode: 3, FinishedAt: '2026-11-01T11:00:00Z' };

let engine: ScriptedEngine;
let client: EngineClient;
let exits: ExitHistory;
let inventory: Inventory;
let nowMs: number;

beforeEach(async () => {
  engine = new ScriptedEngine();
  client = createEngineClient({ address: EngineAddress.parse(await engine.listen()), apiVersion: null });
  nowMs = 1_000_000;
  exits = createExitHistory();
  exits.setEngineName('Docker');
  const log = { warn: () => undefined };
  inventory = createInventory(client, { names: /$^/, values: /$^/g }, log, () => nowMs, exits);
});
afterEach(async () => {
  client.close();
  await engine.close();
});

async function readAll(afterMs = 0): Promise<Container[]> {
  nowMs += afterMs;
  return (await inventory.read(signal)).containers;
}

const record = (Action: string, atMs: number, signalName?: string): boolean =>
  exits.record(
    EngineEvent.parse({
      Type: 'container',
      Action,
      Actor: { ID: 'c', Attributes: signalName === undefined ? {} : { signal: signalName } },
      time: Math.floor(atMs / 1_000),
      timeNano: atMs * 1e6,
    }),
  );

const RUN: LastRun = {
  isRunning: false,
  startedAtMs: FINISHED_AT - 60_000,
  finishedAtMs: FINISHED_AT,
  exitCode: 137,
  oomKilled: false,
  error: '',
  stopSignal: '',
  stopTimeoutMs: 10_000,
};

test('the reason for an exit is kept, even if a later inspection fails, until the container starts again', async () => {
  engine.set('c', { state: 'exited', status: 'Exited (3) 2 hours ago', inspectedState: FAILED });
  record('die', FINISHED_AT);
  const exit = { code: 3, reason: 'crashed', error: '', finishedAt: '2026-11-01T11:00:00.000Z' };
  expect((await readAll())[0]).toMatchObject({ exit });
  engine.forbidden = /^\/containers\/.+\/json$/;
  // The event arrives again, through a new stream.
  inventory.invalidate('c');
  expect((await readAll(60_000))[0]).toMatchObject({ exit, startedAt: '2026-11-01T10:00:00.000Z' });
  engine.set('c', { state: 'exited', status: 'Exited (3) 5 seconds ago', inspectedState: FAILED });
  expect((await readAll(60_000))[0]).not.toHaveProperty('exit');
});

test('the reason for an exit stays oom after many more events', () => {
  record('oom', FINISHED_AT - 5_000);
  for (let i = 0; i < 20; i++) record('kill', FINISHED_AT - 4_000 + i, '1');
  record('die', FINISHED_AT);
  expect(exits.decide('c', RUN)?.reason).toBe('oom');
});

test('an exit while the engine was unreachable has an unknown cause, even after more such periods', () => {
  exits.recordAbsence(FINISHED_AT - 1_000, FINISHED_AT + 1_000);
  for (let i = 1; i < 5; i++) exits.recordAbsence(FINISHED_AT + i * 60_000, FINISHED_AT + i * 60_000 + 1_000);
  expect(exits.decide('c', { ...RUN, exitCode: 0 })?.reason).toBe('unknown');
  expect(exits.decide('c', { ...RUN, exitCode: 0, finishedAtMs: FINISHED_AT + 30_000 })?.reason).toBe('completed');
});

test('the first reading contains the repository digest of every image', async () => {
  const ids = Array.from({ length: 150 }, (_, i) => `sha256:${String(i).padStart(64, '0')}`);
  for (const [i, imageId] of ids.entries()) {
    engine.repoDigests.set(imageId, [`app@sha256:${'d'.repeat(64)}`]);
    engine.set(`c${i}`, { image: 'app:1', imageId });
  }
  expect(new Set((await readAll()).map(({ imageDigest }) => imageDigest))).toEqual(
    new Set([`sha256:${'d'.repeat(64)}`]),
  );
});

test('while inspections of an image fail, its digest is absent and not replaced by a manifest digest', async () => {
  const imageId = `sha256:${'1'.repeat(64)}`;
  engine.set('c', { image: 'app:1', imageId });
  const platform = { os: 'linux', architecture: 'amd64' };
  engine.list[0]!['ImageManifestDescriptor'] = { digest: `sha256:${'e'.repeat(64)}`, platform };
  engine.repoDigests.set(imageId, [`app@sha256:${'d'.repeat(64)}`]);
  engine.react('image', { status: 500 });
  expect((await readAll())[0]).not.toHaveProperty('imageDigest');
  engine.react('image', null);
  expect((await readAll(600_001))[0]!.imageDigest).toBe(`sha256:${'d'.repeat(64)}`);
});

test('a container on Podman keeps its ports if an inspection after a restart fails', async () => {
  const Ports = { '3000/tcp': [{ HostIp: '', HostPort: '3000' }], '3001/tcp': [{ HostIp: '', HostPort: '3001' }] };
  const setPodman = (status: string) => {
    engine.set('c', { status });
    // Podman's list has only the first port.
    Object.assign(engine.list[0]!, {
      NetworkingConfig: null,
      Ports: [{ IP: '', PrivatePort: 3000, PublicPort: 3000 }],
    });
    Object.assign(engine.inspections.get('c')!, { NetworkSettings: { Ports } });
  };
  setPodman('Up 3 hours');
  const before = (await readAll())[0]!.ports;
  expect(before).toEqual([expect.objectContaining({ privatePort: 3000, count: 2 })]);
  engine.forbidden = /^\/containers\/.+\/json$/;
  setPodman('Up 1 second');
  expect((await readAll(60_000))[0]!.ports).toEqual(before);
});

test('when a silent event stream is renewed, the agent reads the events since the last received event', async () => {
  const stopped = new AbortController();
  let wallMs = FINISHED_AT - 600_000;
  const follower = createEngineFollower({
    ...{ engine: client, inventory, exits, random: () => 0.5, now: () => nowMs, wallNow: () => new Date(wallMs) },
    gate: createEngineGate({ now: () => nowMs, random: () => 0 }),
    poller: { invalidateFacts: () => undefined } as unknown as EnginePoller,
    reporter: { markChanged: () => undefined, invalidate: () => undefined },
    log: pino({ enabled: false }),
    times: { renewMs: 300, overlapMs: 20, stableMs: 0 },
  });
  const running = follower.run(stopped.signal);
  try {
    await follower.firstAttemptDone;
    engine.emit('start', 'other');
    await eventually(() => expect(engine.count('pastEvents')).toBeGreaterThan(0));
    // The container exits while the stream is silent.
    wallMs = FINISHED_AT + 1_000;
    const died = { Type: 'container', Action: 'die', Actor: { ID: 'c' }, timeNano: FINISHED_AT * 1e6 };
    engine.pastEvents = [JSON.stringify(died)];
    await eventually(() => expect(exits.decide('c', { ...RUN, exitCode: 3 })?.reason).toBe('crashed'));
    const sinces = engine.received.flatMap(({ query }) => /since=(\d+)/.exec(query)?.[1] ?? []).map(Number);
    expect(Math.max(...sinces)).toBeLessThan(FINISHED_AT / 1_000);
  } finally {
    stopped.abort();
    await running;
  }
});
