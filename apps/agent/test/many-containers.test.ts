import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Paths, ProblemTypes, type Container } from '@muster/contracts';
import { openFixture, type Fixture } from './fixture.js';
import { containerLimitProblem, problem, type ReceivedRequest } from './scripted-muster.js';

// Listing, encoding and sending thousands of containers is slow on a busy machine.
jest.setTimeout(300_000);
const TIMEOUT_MS = 60_000;

let fixture: Fixture;
const until = (condition: () => boolean): Promise<void> => fixture.muster.until(condition, TIMEOUT_MS);
afterEach(() => fixture.close());

const isComplete = ({ headers }: ReceivedRequest): boolean => headers['snapshot-complete'] === 'true';
const parseRemovedIds = ({ headers }: ReceivedRequest): string[] =>
  String(headers['snapshot-gone'] ?? '')
    .split(',')
    .filter(Boolean);
const containerIds = ({ json }: ReceivedRequest): string[] => (json as Container[]).map(({ dockerId }) => dockerId);
const problemsOf = ({ json }: ReceivedRequest) =>
  (json as { problems?: { code: string; message: string }[] }).problems ?? [];
const lastHeartbeat = (): ReceivedRequest => fixture.muster.heartbeats.at(-1)!;
const reportedFile = (): string => join(fixture.variables['MUSTER_STATE_DIR']!, 'reported.json');

/**
 * Applies the snapshots in order, as the API does. Returns the ids of the containers that remain, and the largest
 * number of containers at any time.
 */
function applySnapshots(snapshots: readonly ReceivedRequest[]): { ids: Set<string>; idsMax: number } {
  let ids = new Set<string>();
  let idsMax = 0;
  for (const snapshot of snapshots) {
    if (isComplete(snapshot)) ids = new Set();
    for (const id of parseRemovedIds(snapshot)) ids.delete(id);
    for (const id of containerIds(snapshot)) ids.add(id);
    idsMax = Math.max(idsMax, ids.size);
  }
  return { ids, idsMax };
}

const nameOf = (index: number): string => `c-${String(index).padStart(5, '0')}`;
/** Creates containers in the reverse order of their names. Returns their ids in the order of the names. */
const create = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => fixture.engine.create({ name: nameOf(count - 1 - i) })).reverse();

async function open(count: number): Promise<string[]> {
  fixture = await openFixture({ roles: [{ name: 'z', behavior: 'steady' }] });
  fixture.engine.remove(fixture.engine.idOf('z')!);
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
  return create(count);
}

describe('a host with more containers than a snapshot can hold', () => {
  test('reports the first containers by name in an incomplete snapshot, and a problem in its heartbeats', async () => {
    const ids = await open(6_000);
    fixture.run();
    await until(() => fixture.muster.heartbeats.length > 2);
    expect(fixture.muster.snapshots).toHaveLength(1);
    const [snapshot] = fixture.muster.snapshots;
    expect(isComplete(snapshot!)).toBe(false);
    expect(containerIds(snapshot!).sort()).toEqual(ids.slice(0, 5_000).sort());
    expect(lastHeartbeat().json).toMatchObject({ digest: null });
    expect(lastHeartbeat().json).not.toHaveProperty('engineError');
    expect(problemsOf(lastHeartbeat())).toEqual([
      { code: 'too_many_containers', message: expect.stringMatching(/^6000 containers.*first 5000 by name/) },
    ]);
  });

  test('never exceeds the API’s limit of containers, even if all containers are replaced repeatedly', async () => {
    let ids = await open(6_000);
    fixture.run();
    await until(() => fixture.muster.heartbeats.length > 0);
    for (let round = 0; round < 3; round++) {
      const before = fixture.muster.heartbeats.length;
      for (const id of ids) fixture.engine.remove(id);
      ids = create(6_000);
      await until(
        () => fixture.muster.heartbeats.length > before && containerIds(fixture.muster.snapshots.at(-1)!).length > 0,
      );
      const first = ids[0]!;
      // A snapshot is sent in several requests, which contain the removed ids. Only the last request contains the new
      // containers.
      await until(() => {
        const { ids: held } = applySnapshots(fixture.muster.snapshots);
        return held.has(first) && held.size <= 5_000;
      });
      const { ids: present, idsMax } = applySnapshots(fixture.muster.snapshots);
      expect([...present].sort()).toEqual(ids.slice(0, 5_000).sort());
      expect(idsMax).toBeLessThanOrEqual(10_000);
    }
    const sequences = fixture.muster.snapshots.map(({ headers }) => Number(headers['snapshot-sequence']));
    expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
    expect(fixture.muster.snapshots.every((each) => parseRemovedIds(each).length <= 100)).toBe(true);
  });

  test('reports containers that were removed while its agent was not running', async () => {
    const ids = await open(5_100);
    const first = fixture.run();
    await until(() => fixture.muster.heartbeats.length > 0);
    await first.stop();
    for (const id of ids.slice(0, 50)) fixture.engine.remove(id);
    const sentBefore = fixture.muster.snapshots.length;
    fixture.run();
    await until(() => fixture.muster.snapshots.length > sentBefore);
    expect(parseRemovedIds(fixture.muster.snapshots.at(-1)!).sort()).toEqual(ids.slice(0, 50).sort());
  });

  test('sends one complete snapshot if the API refuses a snapshot because the host has too many containers', async () => {
    await open(5_100);
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.3 };
    fixture.muster.queueReactions(
      Paths.agentContainers,
      { status: 200, json: fixture.muster.summary(5_000, true) },
      containerLimitProblem,
    );
    fixture.run();
    await until(() => fixture.muster.heartbeats.some((each) => problemsOf(each).length === 2));
    const heartbeatWithBoth = fixture.muster.heartbeats.find((each) => problemsOf(each).length === 2)!;
    expect(problemsOf(heartbeatWithBoth).map(({ code }) => code)).toEqual(['too_many_containers', 'snapshot_refused']);
    await until(() => fixture.muster.snapshots.length >= 4);
    expect(fixture.muster.snapshots.slice(0, 4).map(isComplete)).toEqual([false, false, true, false]);
    const heartbeatsBefore = fixture.muster.heartbeats.length;
    await until(() => fixture.muster.heartbeats.length > heartbeatsBefore + 1);
    expect(problemsOf(lastHeartbeat()).map(({ code }) => code)).toEqual(['too_many_containers']);
    expect(lastHeartbeat().json).toMatchObject({ digest: null });
  });

  test('sends no complete snapshot after other refusals, because it would remove containers that still exist', async () => {
    await open(5_001);
    fixture.muster.cadence = { heartbeatSeconds: 60, snapshotSeconds: 0.3 };
    fixture.muster.queueReactions(
      Paths.agentContainers,
      { status: 200, json: fixture.muster.summary(5_000, true) },
      problem(400, ProblemTypes.invalidRequest),
      { status: 413, text: '<html>413 Request Entity Too Large</html>' },
      problem(403, ProblemTypes.forbidden),
    );
    fixture.run();
    await until(() => fixture.muster.snapshots.length >= 5);
    expect(fixture.muster.snapshots.map(isComplete)).not.toContain(true);
  });

  test('sends complete snapshots and deletes the stored ids once it has few enough containers', async () => {
    const ids = await open(5_001);
    fixture.run();
    await until(() => fixture.muster.heartbeats.length > 0);
    expect(existsSync(reportedFile())).toBe(true);
    fixture.engine.remove(ids[0]!);
    // If a heartbeat is in flight, the change is first sent as a journal entry.
    await until(() => fixture.muster.snapshots.slice(1).some(isComplete));
    expect(containerIds(fixture.muster.snapshots.slice(1).find(isComplete)!)).toHaveLength(5_000);
    await until(() => (lastHeartbeat().json as { digest: unknown }).digest !== null);
    expect(problemsOf(lastHeartbeat())).toEqual([]);
    expect(existsSync(reportedFile())).toBe(false);
  });

  test('after an outage of the API, reports no removal of a container that was never reported', async () => {
    const ids = await open(5_001);
    fixture.run();
    await until(() => fixture.muster.heartbeats.length > 0);
    fixture.muster.setReaction(Paths.agentContainers, problem(503, 'about:blank', { 'retry-after': '1' }));
    fixture.muster.setReaction(Paths.agentHeartbeat, problem(503, 'about:blank', { 'retry-after': '1' }));
    const sentBefore = fixture.muster.snapshots.length;
    const newId = fixture.engine.create({ name: 'a' });
    await until(() => fixture.muster.snapshots.length > sentBefore);
    fixture.engine.remove(ids[7]!);
    await new Promise((resolve) => setTimeout(resolve, 500));
    fixture.muster.setReaction(Paths.agentContainers, null);
    fixture.muster.setReaction(Paths.agentHeartbeat, null);
    const isSent = (): boolean => {
      const { ids: held } = applySnapshots(fixture.muster.snapshots);
      return held.has(newId) && !held.has(ids[7]!);
    };
    // On a busy machine, the containers are listed so slowly that heartbeats are sent in the meantime.
    await until(isSent);
    const heartbeatsBefore = fixture.muster.heartbeats.length;
    await until(() => fixture.muster.heartbeats.length > heartbeatsBefore + 1);
    const removedIds = fixture.muster.snapshots.flatMap(parseRemovedIds);
    expect(new Set(removedIds)).toEqual(new Set([ids[7]]));
    expect(applySnapshots(fixture.muster.snapshots).ids.has(newId)).toBe(true);
  });
});

test('if the containers exceed the maximum body size, the first containers by name are reported', async () => {
  fixture = await openFixture({ roles: [{ name: 'z', behavior: 'steady' }] });
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
  const labels = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`l${i}`, 'é'.repeat(2_000)]));
  for (let i = 0; i < 200; i++) fixture.engine.create({ name: nameOf(i), labels });
  fixture.run();
  await until(() => fixture.muster.heartbeats.length > 0);
  const [snapshot] = fixture.muster.snapshots;
  expect(isComplete(snapshot!)).toBe(false);
  const names = (snapshot!.json as Container[]).map(({ name }) => name).sort();
  expect(names.length).toBeGreaterThan(150);
  expect(names).toEqual(Array.from({ length: names.length }, (_, i) => nameOf(i)));
  expect(JSON.stringify(snapshot!.json).length).toBeLessThan(10 * 1024 * 1024);
  expect(problemsOf(lastHeartbeat())).toEqual([
    { code: 'too_many_containers', message: expect.stringContaining('bytes of a snapshot') },
  ]);
});

describe('the heartbeat reports a problem', () => {
  test.each([
    ['refuses the list', { kind: 'status', status: 403 }, 'list_refused'],
    ['fails to list its containers', { kind: 'status', status: 500 }, 'engine_unreachable'],
    ['sends a truncated list', { kind: 'truncate' }, 'list_refused'],
    ['resets the connection', { kind: 'reset' }, 'engine_unreachable'],
  ] as const)('if the engine %s', async (_, fault, code) => {
    fixture = await openFixture();
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.run();
    await until(() => fixture.muster.snapshots.length === 1);
    fixture.engineServer.setFault('list', fault);
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await until(() => fixture.muster.heartbeats.length > 0 && problemsOf(lastHeartbeat()).length > 0);
    expect(problemsOf(lastHeartbeat())).toEqual([{ code, message: expect.any(String) }]);
    // Older APIs read only `engineError`.
    expect(lastHeartbeat().json).toMatchObject({ digest: null, engineError: expect.any(String) });
    fixture.engineServer.setFault('list', null);
    await until(() => problemsOf(lastHeartbeat()).length === 0);
  });

  test('while the engine’s list is too long, and retries at the regular interval', async () => {
    fixture = await openFixture({ roles: [{ name: 'z', behavior: 'steady' }] });
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.5 };
    fixture.run();
    await until(() => fixture.muster.snapshots.length === 1);
    const ids = Array.from({ length: 100 }, (_, i) =>
      fixture.engine.create({ name: nameOf(i), labels: { long: 'x'.repeat(300_000) } }),
    );
    await until(() => fixture.muster.heartbeats.length > 0 && problemsOf(lastHeartbeat()).length > 0);
    expect(problemsOf(lastHeartbeat())).toEqual([
      { code: 'list_refused', message: expect.stringContaining('sent more data than the agent accepts') },
    ]);
    for (const id of ids) fixture.engine.remove(id);
    await until(() => problemsOf(lastHeartbeat()).length === 0);
  });

  test('if the API refuses a snapshot, and retries at the regular interval', async () => {
    fixture = await openFixture();
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.5 };
    fixture.muster.queueReactions(
      Paths.agentContainers,
      { status: 200, json: fixture.muster.summary(24) },
      problem(413),
      problem(413),
    );
    fixture.run();
    await until(() => fixture.muster.snapshots.length === 3);
    const withProblem = (): ReceivedRequest | undefined =>
      fixture.muster.heartbeats.find((each) => problemsOf(each).length > 0);
    await until(() => withProblem() !== undefined);
    expect(problemsOf(withProblem()!)).toEqual([
      { code: 'snapshot_refused', message: expect.stringContaining('Problem 413') },
    ]);
    await until(() => (lastHeartbeat().json as { digest: unknown }).digest !== null);
    expect(problemsOf(lastHeartbeat())).toEqual([]);
  });
});
