/** Tests how an agent behaves when its connection to the API fails briefly or for a long time. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { mergePorts, Paths, type Port } from '@muster/contracts';
import { pino } from 'pino';
import { dryRun } from '../src/agent.js';
import { retryDelayMs, SERVER_BACKOFF } from '../src/lib/backoff.js';
import { parseEnv } from '../src/env.js';
import { createMusterClient } from '../src/muster/client.js';
import { TRUST_DEFAULT } from '../src/muster/trust.js';
import {
  nextAction,
  scheduleAfterServerFailure,
  scheduleAfterSnapshotAnswer,
  scheduleAfterSnapshotStart,
  createSchedule,
  type Schedule,
} from '../src/reporting/schedule.js';
import { openFixture, type Fixture } from './fixture.js';

/** How the relay handles connections and responses. */
type RelayMode = 'open' | 'cut' | 'silent' | 'truncated';

/** A TCP relay in front of a healthy server that can simulate network faults. */
class FaultyRelay {
  mode: RelayMode = 'open';
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(private readonly port: number) {
    this.#server = createServer((near) => this.#relay(near));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Changes the mode and resets all open connections. */
  setMode(mode: RelayMode): void {
    this.mode = mode;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.setMode('cut');
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(near: Socket): void {
    if (this.mode === 'cut') return void near.resetAndDestroy();
    const far = connect(this.port, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    }
    near.on('close', () => far.destroy()).on('data', (sent) => far.write(sent));
    far.on('close', () => near.destroy());
    far.on('data', (answer) => {
      if (this.mode === 'open') near.write(answer);
      // Sends the headers and a part of the body.
      else if (this.mode === 'truncated') near.end(answer.subarray(0, answer.length - 20));
    });
  }
}

describe('while the network to the API is faulty', () => {
  let fixture: Fixture;
  let relay: FaultyRelay;
  let url: string;
  beforeEach(async () => {
    fixture = await openFixture();
    relay = new FaultyRelay(Number(new URL(fixture.variables['MUSTER_URL']!).port));
    url = await relay.listen();
  });
  afterEach(async () => {
    await fixture.close();
    await relay.close();
  });

  const failedTries = () => fixture.logged.filter(({ msg }) => msg === 'the call to the API failed').length;

  /** Returns the engine's containers as a separate agent reads them. */
  async function readEngineState(): Promise<unknown> {
    const parsed = parseEnv(fixture.variables);
    if (!parsed.success) throw new Error(parsed.errors.join('\n'));
    return JSON.parse(await dryRun(parsed.env, pino({ level: 'silent' }), new AbortController().signal));
  }

  test.each(['cut', 'truncated'] as const)(
    'the first complete snapshot after the fault equals the engine’s current state (%s)',
    async (mode) => {
      fixture.run({ MUSTER_URL: url });
      await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
      relay.setMode(mode);
      fixture.engine.pause(fixture.engine.idOf('h5-host')!);
      await eventually(() => failedTries() >= 2);
      fixture.engine.unpause(fixture.engine.idOf('h5-host')!);
      fixture.engine.pause(fixture.engine.idOf('h5-P')!);
      await eventually(() => failedTries() >= 3);
      // Changes recorded during the fault arrive as incomplete snapshots.
      const completeSnapshots = () =>
        fixture.muster.snapshots.filter(({ headers }) => headers['snapshot-complete'] === 'true');
      const countBefore = completeSnapshots().length;
      relay.setMode('open');
      await fixture.muster.until(() => completeSnapshots().length > countBefore);
      const withoutAges = (snapshot: unknown) =>
        (snapshot as { status: string; ports: Port[] }[]).map((container) => ({
          ...container,
          status: container.status.slice(0, 2),
          // The scripted API does not accept ranges.
          ports: mergePorts(container.ports),
        }));
      expect(withoutAges(completeSnapshots().at(-1)!.json)).toEqual(withoutAges(await readEngineState()));
    },
  );

  test('a call that the API never answers times out and can be retried', async () => {
    const options = { musterUrl: url, trust: TRUST_DEFAULT, wallNow: () => new Date() };
    const [impatientClient, client] = [createMusterClient({ ...options, timeoutMs: 200 }), createMusterClient(options)];
    const heartbeat = (caller = client) =>
      caller.heartbeat('t', { digest: null, agentVersion: '1' }, 's', new AbortController().signal);
    relay.setMode('silent');
    expect(await heartbeat(impatientClient)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('did not answer within 0.2 s'),
    });
    relay.setMode('truncated');
    expect(await heartbeat()).toMatchObject({ kind: 'retry' });
    relay.setMode('open');
    expect(await heartbeat()).toMatchObject({ kind: 'ok' });
    for (const each of [impatientClient, client]) each.close();
  });

  test.each([
    ['an empty object', { status: 200, json: {} }],
    ['null', { status: 200, json: null }],
    ['an empty body', { status: 204, text: '' }],
    ['an object with other fields', { status: 200, json: { ok: true, data: [] } }],
    ['a list', { status: 201, json: [] }],
  ])('a snapshot is sent again if the response is %s', async (_what, reaction) => {
    fixture.muster.queueReactions(Paths.agentContainers, reaction);
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    expect(fixture.logged.filter(({ msg }) => msg === 'the call to the API failed')).toHaveLength(1);
  });
});

/** Simulates an agent whose attempts all fail until `recoveryMs`, with the real schedule and a simulated clock. */
function simulateOutage(random: () => number, recoveryMs: number, retryAfterMs: number | null = null) {
  const tries: number[] = [];
  let failures = 0;
  let schedule: Schedule = createSchedule(0);
  for (;;) {
    const { action, at } = nextAction(schedule);
    if (action === 'record') throw new Error('there was no change to record');
    tries.push(at);
    if (at >= recoveryMs) return { tries, action, returnedAt: at, schedule };
    failures += 1;
    schedule = scheduleAfterServerFailure(
      schedule,
      at,
      retryDelayMs(failures, retryAfterMs, random(), SERVER_BACKOFF),
      action,
    );
  }
}

/** The random number generator mulberry32, with a fixed seed so that every run is the same. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('an hour-long outage of the API', () => {
  const HOUR_MS = 3_600_000;
  const fleet = Array.from({ length: 2_000 }, (_, i) => simulateOutage(seededRandom(i), HOUR_MS));

  test('makes each agent retry about twice a minute', () => {
    for (const { tries } of fleet) {
      expect(tries.length).toBeGreaterThan(60);
      expect(tries.length).toBeLessThan(220);
      expect(tries.every((at, i) => i === 0 || at - tries[i - 1]! <= SERVER_BACKOFF.capMs)).toBe(true);
    }
  });

  test('ends with a snapshot from each agent within a minute after the API returns', () => {
    for (const { returnedAt, action, schedule } of fleet) {
      expect(returnedAt - HOUR_MS).toBeLessThanOrEqual(SERVER_BACKOFF.capMs);
      expect(action).toBe('snapshot');
      const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
      const after = scheduleAfterSnapshotAnswer(
        scheduleAfterSnapshotStart(schedule, returnedAt),
        returnedAt,
        { cadence, isAccepted: true },
        0,
      );
      expect(nextAction(after)).toEqual({ action: 'heartbeat', at: returnedAt + 10_000 });
    }
  });

  /** Returns the largest share of the fleet that returns within one second. */
  const largestShareInOneSecond = (returnTimes: readonly number[]): number => {
    const bySecond = new Map<number, number>();
    for (const at of returnTimes) bySecond.set(Math.floor(at / 1_000), (bySecond.get(Math.floor(at / 1_000)) ?? 0) + 1);
    return Math.max(...bySecond.values()) / returnTimes.length;
  };

  test('causes no thundering herd: at most 5 % of the agents that failed together return in the same second', () => {
    expect(largestShareInOneSecond(fleet.map(({ returnedAt }) => returnedAt))).toBeLessThan(0.05);
    // The next regular snapshots are also spread.
    const reports = fleet.map(({ returnedAt, schedule }, i) => {
      const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
      return scheduleAfterSnapshotAnswer(
        scheduleAfterSnapshotStart(schedule, returnedAt),
        returnedAt,
        { cadence, isAccepted: true },
        seededRandom(i + 10_000)(),
      ).snapshotAt;
    });
    expect(largestShareInOneSecond(reports)).toBeLessThan(0.05);
  });

  test('with a Retry-After of 30 s delays every agent by at least 30 s and spreads the return of the fleet', () => {
    const agents = Array.from({ length: 2_000 }, (_, i) => simulateOutage(seededRandom(i), 1, 30_000));
    for (const { returnedAt } of agents) expect(returnedAt).toBeGreaterThanOrEqual(30_000);
    // Each further failure spreads the retries over at least 15 more seconds.
    const later = Array.from({ length: 2_000 }, (_, i) => simulateOutage(seededRandom(i), 200_000, 30_000).returnedAt);
    expect(largestShareInOneSecond(later)).toBeLessThan(0.1);
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 800 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(condition()).toBe(true);
}
