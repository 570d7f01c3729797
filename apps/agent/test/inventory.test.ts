import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseStatus, type Container } from '@muster/contracts';
import { statusText } from '@muster/testkit/status-text';
import fc from 'fast-check';
import { EngineAddress } from '../src/engine/address.js';
import { createEngineClient, type EngineClient } from '../src/engine/client.js';
import { parseEvent } from '../src/engine/event-stream.js';
import { createInventory, type Inventory, type InventoryReading } from '../src/engine/inventory.js';
import { toHealth } from '../src/engine/to-container.js';
import { openFixture, type Fixture } from './fixture.js';
import { ScriptedEngine, type EngineReaction } from './scripted-engine.js';

const MINUTE = 60_000;
const signal = new AbortController().signal;

let engine: ScriptedEngine;
let client: EngineClient | undefined;
let inventory: Inventory;
/** The inventory's monotonic clock, in milliseconds. */
let nowMs: number;
/** The details of each logged warning. */
let warnings: object[];

beforeEach(async () => {
  engine = new ScriptedEngine();
  await engine.listen();
  nowMs = 10 * MINUTE;
  warnings = [];
  openInventory();
});
afterEach(async () => {
  client?.close();
  await engine.close();
});

/**
 * Replaces the inventory with an empty inventory. By default, inspections have more time than they need even on a busy
 * machine.
 */
function openInventory(inspectionMs = 60_000): void {
  client?.close();
  const timeouts = { pingMs: inspectionMs, callMs: 60_000 };
  const address = EngineAddress.parse(engine.dockerHost);
  client = createEngineClient({ address, apiVersion: null, timeouts, listTimeoutMs: 60_000 });
  const log = { warn: (details: object) => void warnings.push(details) };
  inventory = createInventory(client, { names: /$^/, values: /$^/g }, log, () => nowMs);
}

const read = (): Promise<InventoryReading> => inventory.read(signal);
const idsOf = ({ containers }: InventoryReading): string[] => containers.map(({ dockerId }) => dockerId).sort();

/** Reads the engine `afterMs` later, and returns one container. */
async function readContainer(id: string, afterMs = 0): Promise<Container> {
  nowMs += afterMs;
  return (await read()).containers.find(({ dockerId }) => dockerId === id)!;
}

/** Returns the number of inspections during `action`. */
async function countInspections(action: () => Promise<unknown>): Promise<number> {
  const before = engine.count('inspect');
  await action();
  return engine.count('inspect') - before;
}

const createMany = (count: number, container: Parameters<ScriptedEngine['set']>[1] = {}): string[] =>
  Array.from({ length: count }, (_, i) => {
    engine.set(`c${i}`, container);
    return `c${i}`;
  });

describe('after a failed inspection', () => {
  const answers: [string, EngineReaction, number][] = [
    ['404 (a proxy that allows only lists)', { status: 404, text: '404 page not found' }, 2],
    ['403', { status: 403, text: 'Request forbidden by administrative rules.' }, 1],
    ['500', { status: 500 }, 2],
    ['a page for signing in', { status: 200, text: '<html>Sign in</html>' }, 1],
    ['a closed connection', 'reset', 2],
    ['no answer', 'hang', 1],
  ];

  test.each(answers)(
    'all containers are reported if all inspections get %s, and inspections are repeated only after a minute',
    async (_, answer, lists) => {
      if (answer === 'hang') openInventory(1_000);
      createMany(3);
      engine.react('inspect', answer);
      const listsBefore = engine.count('list');
      const first = await read();
      expect(idsOf(first)).toEqual(['c0', 'c1', 'c2']);
      expect([...first.presentIds].sort()).toEqual(['c0', 'c1', 'c2']);
      expect(first.containers.map(({ startedAt }) => startedAt)).toEqual([null, null, null]);
      expect([engine.count('list') - listsBefore, engine.count('inspect')]).toEqual([lists, 3]);

      nowMs += MINUTE - 1;
      expect(await countInspections(read)).toBe(0);
      nowMs += 1;
      expect(await countInspections(read)).toBe(3);
      expect(warnings).toEqual([{ containers: 3, reason: expect.any(String) }]);
    },
  );

  test('a container whose inspection gets 404 is reported, and the other containers have their start times', async () => {
    createMany(3);
    engine.inspections.delete('c1');
    const { containers } = await read();
    expect(containers.map(({ dockerId, startedAt }) => [dockerId, startedAt !== null])).toEqual([
      ['c0', true],
      ['c1', false],
      ['c2', true],
    ]);
    expect(warnings).toEqual([{ containers: 1, reason: expect.stringContaining('404') }]);
  });

  test('a known start time stays until the list shows a restart, even if inspections are refused', async () => {
    engine.set('c', { status: 'Up 1 second' });
    const { startedAt } = await readContainer('c');
    engine.forbidden = /^\/containers\/.+\/json$/;
    for (const status of ['Up About a minute', 'Up 2 minutes', 'Up 3 minutes']) {
      engine.list[0]!['Status'] = status;
      expect((await readContainer('c', MINUTE)).startedAt).toBe(startedAt);
    }
    engine.list[0]!['Status'] = 'Up 5 seconds';
    expect((await readContainer('c', MINUTE)).startedAt).toBeNull();
  });
});

describe('a health that cannot be inspected again', () => {
  const healthOf = ({ status }: Container): string | null => parseStatus(status).health;
  const readAll = async (afterMs: number): Promise<(string | null)[]> => {
    nowMs += afterMs;
    return (await read()).containers.map(healthOf);
  };

  test('is not reported until the next inspection succeeds, but the start time stays', async () => {
    engine.set('c', { health: 'healthy' });
    const { startedAt } = await readContainer('c');
    engine.react('inspect', { status: 500 });
    const failed = await readContainer('c', MINUTE);
    expect([healthOf(failed), failed.status, failed.startedAt]).toEqual([null, 'Up 3 hours', startedAt]);
    engine.react('inspect', null);
    expect(await countInspections(() => readAll(30_000))).toBe(0);
    expect(healthOf(await readContainer('c'))).toBeNull();
    expect(healthOf(await readContainer('c', 30_000))).toBe('healthy');
  });

  test('is not reported after about 20 failed inspections, even for containers that were not inspected', async () => {
    createMany(50, { health: 'healthy' });
    expect(await readAll(0)).toEqual(Array(50).fill('healthy'));
    engine.forbidden = /^\/containers\/.+\/json$/;
    const inspections = await countInspections(async () => {
      expect(await readAll(MINUTE)).toEqual(Array(50).fill(null));
    });
    expect(inspections).toBeLessThan(24);
  });

  test('is not reported after an event has announced another health', async () => {
    engine.set('c', { health: 'healthy' });
    await read();
    engine.react('inspect', { status: 500 });
    inventory.recordHealth('c', null);
    expect(healthOf(await readContainer('c', 1_000))).toBeNull();
    // The last known health is reported again if an event confirms it.
    expect(inventory.recordHealth('c', 'healthy')).toBe(true);
    expect(healthOf(await readContainer('c', 1_000))).toBe('healthy');
  });

  test('is replaced by the health in the list or in a recent event', async () => {
    createMany(2, { status: 'Up 10 seconds', health: 'healthy' });
    await read();
    engine.react('inspect', { status: 500 });
    engine.list[0]!['Status'] = 'Up About a minute (unhealthy)';
    engine.list[1]!['Status'] = 'Up About a minute';
    nowMs += MINUTE;
    inventory.recordHealth('c1', 'starting');
    expect(await readAll(10_000)).toEqual(['unhealthy', 'starting']);
  });
});

test('a start time that cannot be inspected again is dropped if the list shows a later start', async () => {
  engine.set('c', { status: 'Up 2 seconds' });
  expect((await readContainer('c')).startedAt).not.toBeNull();
  engine.forbidden = /^\/containers\/.+\/json$/;
  engine.list[0]!['Status'] = 'Up 10 seconds';
  expect((await readContainer('c', 5 * MINUTE)).startedAt).toBeNull();
});

describe('failed inspections', () => {
  test('are limited to about 20 in a reading of 1,000 containers, and logged once', async () => {
    createMany(1_000);
    engine.forbidden = /^\/containers\/.+\/json$/;
    for (let reading = 0; reading < 10; reading++) {
      const inspections = await countInspections(read);
      expect(inspections).toBeGreaterThanOrEqual(20);
      expect(inspections).toBeLessThan(24);
      nowMs += MINUTE;
    }
    expect(warnings).toHaveLength(1);
  });

  test('of one container are repeated after 1, 2, 4, 8, 10 and 10 minutes', async () => {
    engine.set('c');
    engine.forbidden = /^\/containers\/.+\/json$/;
    const triedAfter: number[] = [];
    for (let minute = 0, last = 0; minute <= 40; minute++, nowMs += MINUTE) {
      if ((await countInspections(read)) === 0) continue;
      triedAfter.push(minute - last);
      last = minute;
    }
    expect(triedAfter).toEqual([0, 1, 2, 4, 8, 10, 10]);
  });

  test('are repeated in the next reading after the engine returns', async () => {
    openInventory(1_000);
    engine.set('c', { startedAt: '2026-11-27T10:00:00Z' });
    engine.react('inspect', 'hang');
    expect((await readContainer('c')).startedAt).toBeNull();
    engine.react('inspect', null);
    expect((await readContainer('c', 1_000)).startedAt).toBeNull();
    inventory.retryInspections();
    expect((await readContainer('c', 1_000)).startedAt).toBe('2026-11-27T10:00:00.000Z');
  });

  test('are not repeated sooner because of a start event', async () => {
    engine.set('c');
    engine.forbidden = /^\/containers\/.+\/json$/;
    await read();
    inventory.invalidate('c');
    expect(await countInspections(read)).toBe(0);
    engine.forbidden = /$^/;
    expect((await readContainer('c', MINUTE)).startedAt).not.toBeNull();
    engine.forbidden = /^\/containers\/.+\/json$/;
    inventory.invalidate('c');
    await read();
    expect(warnings).toHaveLength(2);
  });
});

describe('a container that is removed while the engine is read', () => {
  // Podman answers with 404 or with 500.
  test.each([404, 500])(
    'is reported as removed in the same reading if its inspection gets %d and two more lists do not contain it',
    async (status) => {
      createMany(3);
      engine.react('inspect', (path) => {
        if (!path.includes('c1')) return null;
        engine.remove('c1');
        return { status };
      });
      const reading = await read();
      expect(idsOf(reading)).toEqual(['c0', 'c2']);
      expect([...reading.presentIds].sort()).toEqual(['c0', 'c2']);
      expect(engine.count('list')).toBe(3);
      expect(warnings).toEqual([]);
    },
  );

  test('is kept if it is missing in only one of two lists', async () => {
    createMany(2);
    engine.inspections.delete('c1');
    const complete = engine.list;
    let lists = 0;
    engine.react('list', () => ({ json: lists++ % 3 === 1 ? complete.slice(0, 1) : complete }));
    for (let reading = 0; reading < 4; reading++) {
      expect(idsOf(await read())).toEqual(['c0', 'c1']);
      nowMs += 10 * MINUTE;
    }
    expect(lists).toBe(12);
  });

  test('makes the reading fail if the engine stops after the list', async () => {
    createMany(3);
    engine.react('inspect', () => {
      engine.react('list', 'reset');
      return 'reset';
    });
    await expect(read()).rejects.toThrow(/cannot read the engine/);
    // The engine was restarted. Earlier failures of inspections no longer count.
    engine.react('inspect', null);
    engine.react('list', null);
    expect((await readContainer('c0')).startedAt).not.toBeNull();
  });
});

describe('inspections of 1,000 containers', () => {
  test('happen only for changed containers, even if the event stream closes every 10 seconds', async () => {
    createMany(1_000);
    const inspections = await countInspections(async () => {
      await read();
      for (const age of ['3 hours', '3 hours', '3 hours', '2 seconds', '12 seconds', '22 seconds']) {
        nowMs += 10_000;
        if (age === '2 seconds') engine.set('c7', { startedAt: '2026-11-02T10:00:00Z' });
        engine.list[7]!['Status'] = `Up ${age}`;
        await read();
      }
    });
    expect(inspections).toBe(1_001);
    expect((await readContainer('c7')).startedAt).toBe('2026-11-02T10:00:00.000Z');
  });

  test('happen only once a minute if Podman’s list does not contain the health', async () => {
    createMany(1_000, { health: 'healthy' });
    await read();
    const inspections = await countInspections(async () => {
      for (let readings = 0; readings < 6; readings++) {
        nowMs += 10_000;
        await read();
      }
    });
    expect(inspections).toBe(1_000);
  });
});

describe('without an event,', () => {
  test('a restarted container has its new start time and health at the next reading', async () => {
    engine.set('c', { startedAt: '2026-11-01T10:00:00Z', health: 'healthy' });
    expect(await readContainer('c')).toMatchObject({ startedAt: '2026-11-01T10:00:00.000Z' });
    engine.set('c', { status: 'Up 5 seconds', startedAt: '2026-11-27T10:00:00Z', health: 'unhealthy' });
    expect(await readContainer('c', MINUTE)).toMatchObject({
      startedAt: '2026-11-27T10:00:00.000Z',
      status: 'Up 5 seconds (unhealthy)',
    });
  });

  test.each([
    ['exited, and ran in the meantime', 'exited', 'Exited (0) 3 hours ago', 'exited', 'Exited (0) 10 seconds ago'],
    ['was running, and exited after another start', 'running', 'Up 3 hours', 'exited', 'Exited (1) 10 seconds ago'],
    ['was running for hours, and started just now', 'running', 'Up 3 hours', 'running', 'Up Less than a second'],
    ['was paused, and was restarted', 'paused', 'Up 3 hours (Paused)', 'running', 'Up 30 seconds'],
    ['restarted before, and restarted again', 'running', 'Up 30 seconds', 'running', 'Up About a minute'],
    ['has a status without an age', 'running', 'running', 'running', 'running'],
    [
      'started in the future, by the engine’s clock',
      'running',
      'Up Less than a second',
      'running',
      'Up Less than a second',
    ],
  ])('a container that %s has its new start time', async (_, stateBefore, statusBefore, state, status) => {
    engine.set('c', { state: stateBefore, status: statusBefore });
    await readContainer('c');
    engine.set('c', { state, status, startedAt: '2026-11-27T10:00:00Z' });
    expect((await readContainer('c', 66_000)).startedAt).toBe('2026-11-27T10:00:00.000Z');
  });

  test('a changed health on Podman is reported within a minute', async () => {
    engine.set('c', { health: 'healthy' });
    expect((await readContainer('c')).status).toBe('Up 3 hours (healthy)');
    engine.set('c', { health: 'unhealthy' });
    expect((await readContainer('c', MINUTE)).status).toBe('Up 3 hours (unhealthy)');
  });

  test('an unchanged container is not inspected again, even if the list contains another health', async () => {
    engine.set('c', { status: 'Up 3 hours (healthy)', health: 'healthy' });
    await read();
    const inspections = await countInspections(async () => {
      for (const health of ['healthy', 'unhealthy', 'healthy']) {
        engine.list[0]!['Status'] = `Up 3 hours (${health})`;
        expect(parseStatus((await readContainer('c', MINUTE)).status).health).toBe(health);
      }
    });
    expect(inspections).toBe(0);
  });

  test('a container that was inspected while it started is inspected again', async () => {
    // The engine counts the age from the beginning of the start, but an inspection during the start returns the
    // previous start time.
    engine.set('c', { status: 'Up 1 second', startedAt: '2026-11-01T10:00:00Z' });
    await readContainer('c');
    engine.set('c', { status: 'Up 2 minutes', startedAt: '2026-11-27T10:00:00Z' });
    expect((await readContainer('c', 2 * MINUTE)).startedAt).toBe('2026-11-27T10:00:00.000Z');
  });
});

describe('a container of an engine that sends no events', () => {
  /** The time on the engine's clock, which differs from the inventory's monotonic clock. */
  const engineTime = (): number => Date.UTC(2026, 10, 1) + nowMs;
  const isoTime = (ms: number): string => new Date(ms).toISOString();

  /**
   * Updates the container, and returns it as the next reading reports it. Without an exit time, the container is
   * running.
   */
  function readRun(startedAtMs: number, exitedAtMs: number | null): Promise<Container> {
    const state = exitedAtMs === null ? 'running' : 'exited';
    const facts = { state, health: null, exitCode: 1, startedAtMs, finishedAtMs: exitedAtMs };
    engine.set('c', { state, status: statusText(facts, engineTime()), startedAt: isoTime(startedAtMs) });
    return readContainer('c');
  }

  test('has the right start time in every reading, for any sequence of starts and exits', async () => {
    const step = fc.record({
      afterMs: fc.oneof(
        fc.integer({ min: 1_000, max: 120_000 }),
        fc.integer({ min: 1_000, max: 90 * 24 * 60 * MINUTE }),
      ),
      change: fc.constantFrom('none' as const, 'none' as const, 'restart' as const, 'exit' as const),
      /** When the change happens, as a fraction of the time until the reading. */
      at: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        engine.remove('c');
        await read();
        let startedAtMs = engineTime() - 10_000;
        let exitedAtMs: number | null = null;
        await readRun(startedAtMs, exitedAtMs);
        for (const { afterMs, change, at } of steps) {
          const changedAtMs = engineTime() + at * afterMs;
          nowMs += afterMs;
          if (change === 'restart') [startedAtMs, exitedAtMs] = [changedAtMs, null];
          else if (change === 'exit' && exitedAtMs === null) exitedAtMs = changedAtMs;
          const { startedAt, status } = await readRun(startedAtMs, exitedAtMs);
          // The text "Less than a second" does not show whether the start time is current. The text at the next reading
          // shows it.
          if (status.includes('Less than a second')) return;
          expect(startedAt).toBe(isoTime(startedAtMs));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('is inspected at most twelve times in 90 days without a change', async () => {
    const startedAtMs = engineTime();
    const inspections = await countInspections(async () => {
      const periods = [
        [3 * 60 * MINUTE, MINUTE],
        [3 * 24 * 60 * MINUTE, 10 * MINUTE],
        [90 * 24 * 60 * MINUTE, 6 * 60 * MINUTE],
      ];
      for (const [untilMs, intervalMs] of periods) {
        for (; engineTime() < startedAtMs + untilMs!; nowMs += intervalMs!) await readRun(startedAtMs, null);
      }
    });
    expect(inspections).toBeLessThanOrEqual(12);
  });
});

describe('an agent', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await openFixture();
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.2 };
  });
  afterEach(() => fixture.close());

  const lastSnapshot = (): Container[] => fixture.muster.snapshots.at(-1)!.json as Container[];
  const run = async (): Promise<void> => {
    fixture.run({ DOCKER_HOST: engine.dockerHost });
    await fixture.muster.until(() => fixture.muster.snapshots.length > 0);
  };

  test('reports all containers even if a proxy answers every inspection with 404', async () => {
    createMany(3);
    await run();
    engine.react('inspect', { status: 404, text: '404 page not found' });
    engine.set('c1', { status: 'Up 1 second' });
    await fixture.muster.until(() => fixture.muster.snapshots.length > 3);
    for (const { json } of fixture.muster.snapshots) expect(json).toHaveLength(3);
  });

  test('reports a restart at the next regular reading even if its event stream is silent', async () => {
    engine.set('c');
    await run();
    expect(engine.eventStreams()).toBe(1);
    engine.set('c', { status: 'Up 1 second', startedAt: '2026-11-27T10:00:00Z', health: 'unhealthy' });
    await fixture.muster.until(() => lastSnapshot()[0]!.startedAt === '2026-11-27T10:00:00.000Z');
    expect(lastSnapshot()[0]!.status).toBe('Up 1 second (unhealthy)');
  });
});

test('a container that starts while it is inspected is inspected again at the next reading', async () => {
  engine.set('c');
  engine.react('inspect', () => {
    inventory.invalidate('c');
    return null;
  });
  await read();
  engine.react('inspect', null);
  engine.set('c', { startedAt: '2026-11-27T10:00:00Z' });
  expect((await readContainer('c')).startedAt).toBe('2026-11-27T10:00:00.000Z');
});

describe('a container that was never started', () => {
  const error = 'Bind for 0.0.0.0:8080 failed: port is already allocated';
  const created = { state: 'created', status: 'Created', startedAt: '0001-01-01T00:00:00Z' };

  test('is reported with the engine’s error within a minute if its start failed', async () => {
    engine.set('c', created);
    expect(await readContainer('c')).toMatchObject({ startedAt: null, oomKilled: false });
    engine.set('c', { ...created, inspectedState: { ExitCode: 128, Error: error } });
    const failed = await readContainer('c', MINUTE);
    expect(failed.exit).toEqual({ code: 128, reason: 'failed_to_start', error, finishedAt: null });
    engine.set('c', { status: 'Up 1 second' });
    expect((await readContainer('c', 1_000)).exit).toBeUndefined();
  });

  test('is inspected in turn: at most 200 such containers are inspected in a minute', async () => {
    createMany(500, created);
    const counts: number[] = [];
    for (let minute = 0; minute < 4; minute++, nowMs += MINUTE) {
      counts.push(await countInspections(async () => void (await read(), await read())));
    }
    expect(counts).toEqual([200, 200, 200, 200]);
    const inspectedPaths = new Set(engine.received.filter(({ route }) => route === 'inspect').map(({ path }) => path));
    expect(inspectedPaths.size).toBe(500);
  });
});

describe('a container whose inspection failed', () => {
  const ended = {
    state: 'exited',
    status: 'Exited (137) 1 second ago',
    inspectedState: { ExitCode: 137, OOMKilled: true },
  };

  test('is inspected again when it exits, unless inspections fail repeatedly', async () => {
    engine.set('c');
    engine.forbidden = /^\/containers\/.+\/json$/;
    await read();
    engine.forbidden = /$^/;
    engine.set('c', ended);
    inventory.invalidate('c', true);
    expect((await readContainer('c')).exit).toMatchObject({ reason: 'oom' });

    engine.remove('c');
    engine.set('d');
    engine.forbidden = /^\/containers\/d\/json$/;
    let tries = 0;
    for (let end = 0; end < 10; end++) {
      inventory.invalidate('d', true);
      tries += await countInspections(read);
    }
    expect(tries).toBe(3);
  });
});

describe('a container that exited', () => {
  const ended = {
    state: 'exited',
    status: 'Exited (3) 2 seconds ago',
    inspectedState: { ExitCode: 3, FinishedAt: '2026-11-27T10:00:00.123456789Z' },
  };

  test('is inspected once, and is then reported with the same exit without more inspections', async () => {
    engine.set('c');
    expect((await readContainer('c')).exit).toBeUndefined();
    engine.set('c', ended);
    const exit = { code: 3, reason: 'unknown', error: '', finishedAt: '2026-11-27T10:00:00.123Z' };
    expect(await countInspections(async () => expect((await readContainer('c')).exit).toEqual(exit))).toBe(1);
    engine.list[0]!['Status'] = 'Exited (3) 3 minutes ago';
    nowMs += 2 * MINUTE;
    expect(await countInspections(async () => expect((await readContainer('c')).exit).toEqual(exit))).toBe(0);
  });

  test('is reported without an exit if a proxy refuses the inspection', async () => {
    engine.set('c', ended);
    engine.forbidden = /^\/containers\/.+\/json$/;
    expect(await readContainer('c')).not.toHaveProperty('exit');
  });
});

describe('a health event', () => {
  const events = readFileSync(new URL('fixtures/podman-5.4-health-events.ndjson', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => parseEvent(line)!);

  test('of Podman 5.4 with the known health causes no change and no inspection', async () => {
    for (const { Actor } of events) engine.set(Actor.ID, { health: 'starting' });
    await read();
    const healthById = new Map<string, string | undefined>();
    const inspections = await countInspections(async () => {
      for (const { Actor, HealthStatus } of events) {
        const isChange = HealthStatus !== (healthById.get(Actor.ID) ?? 'starting');
        expect(inventory.recordHealth(Actor.ID, toHealth(HealthStatus))).toBe(isChange);
        healthById.set(Actor.ID, HealthStatus);
      }
      nowMs += 40_000;
      const { containers } = await read();
      for (const { dockerId, status } of containers) {
        expect(parseStatus(status).health).toBe(healthById.get(dockerId));
      }
    });
    expect([events.length, inspections]).toEqual([16, 0]);
  });

  test('of Docker contains the health in its action', () => {
    const line = (Action: string): string => JSON.stringify({ Type: 'container', Action, Actor: { ID: 'c' } });
    expect(parseEvent(line('health_status: unhealthy'))!.HealthStatus).toBe('unhealthy');
    expect(parseEvent(line('health_status'))!.HealthStatus).toBeUndefined();
    expect(parseEvent(line('start'))!.HealthStatus).toBeUndefined();
  });

  test('without a health status (Podman 4.3) causes an inspection', async () => {
    engine.set('c', { health: 'healthy' });
    await read();
    engine.set('c', { health: 'unhealthy' });
    expect(inventory.recordHealth('c', null)).toBe(true);
    expect((await readContainer('c')).status).toBe('Up 3 hours (unhealthy)');
    expect(await countInspections(read)).toBe(0);

    engine.forbidden = /^\/containers\/.+\/json$/;
    expect(inventory.recordHealth('c', null)).toBe(true);
    expect((await readContainer('c')).startedAt).not.toBeNull();
  });

  test('of Docker is compared with the health in the list, even if earlier events were missed', async () => {
    engine.set('c', { status: 'Up 3 hours (healthy)', health: 'healthy' });
    await read();
    engine.list[0]!['Status'] = 'Up 3 hours (unhealthy)';
    await read();
    expect(inventory.recordHealth('c', 'healthy')).toBe(true);
    expect(inventory.recordHealth('c', 'healthy')).toBe(false);
  });

  test('takes precedence over an inspection that was in flight', async () => {
    engine.set('c', { health: 'healthy' });
    await read();
    engine.react('inspect', () => {
      inventory.recordHealth('c', 'unhealthy');
      return null;
    });
    await readContainer('c', MINUTE);
    engine.react('inspect', null);
    expect((await readContainer('c')).status).toBe('Up 3 hours (unhealthy)');
  });

  test('of an unknown container counts as a possible change', () => {
    expect(inventory.recordHealth('unknown', 'healthy')).toBe(true);
  });
});
