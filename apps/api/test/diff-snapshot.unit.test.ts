import { describe, expect, test } from '@jest/globals';
import { Container, type ContainerInput } from '@muster/contracts';
import { toContainerRow } from '../src/services/sync/container-row.js';
import { diffSnapshot, diffSnapshotWithYields, type StoredContainer } from '../src/services/sync/diff-snapshot.js';
import { container } from './fixtures.js';

const row = (changes: Partial<ContainerInput> = {}) => toContainerRow(Container.parse(container('a', changes)));
const storedContainer = (changes: Partial<ContainerInput> = {}, removed = false): StoredContainer => ({
  dockerId: 'a',
  equal: false,
  removed,
  row: row(changes),
});

/** Returns the events for a container that changes between two snapshots. */
const events = (from: Partial<ContainerInput>, to: Partial<ContainerInput>) =>
  diffSnapshot([storedContainer(from)], [row(to)], { complete: true }).events.map(({ kind, from, to, exitCode }) =>
    exitCode === null ? [kind, from, to] : [kind, from, to, exitCode],
  );

const running = { state: 'running', status: 'Up 5 minutes', startedAt: '2026-03-01T11:00:00Z' };
const exited = { ...running, state: 'exited', status: 'Exited (137) 1 second ago', ports: [] };
const restartTime = { startedAt: '2026-03-01T11:30:00Z' };

const ID = `sha256:${'1'.repeat(64)}`;
const OTHER_ID = `sha256:${'2'.repeat(64)}`;

describe('each change is recorded once:', () => {
  test.each<[what: string, from: Partial<ContainerInput>, to: Partial<ContainerInput>, events: unknown[]]>([
    [
      'a start',
      { ...running, state: 'created', status: 'Created', startedAt: null },
      running,
      [['started', 'created', 'running']],
    ],
    ['an exit that also ends the published ports', running, exited, [['exited', 'running', 'exited', 137]]],
    ['a start after an exit', exited, { ...running, ...restartTime }, [['started', 'exited', 'running']]],
    ['a restart between two snapshots', running, { ...running, ...restartTime }, [['restarted', 'running', 'running']]],
    ['an unobserved restart and exit', exited, { ...exited, ...restartTime }, [['restarted', 'exited', 'exited', 137]]],
    [
      'a crash under a restart policy',
      running,
      { ...exited, state: 'restarting', status: 'Restarting (1) 1 second ago' },
      [['exited', 'running', 'restarting', 1]],
    ],
    [
      'a restart after a crash',
      { ...exited, state: 'restarting' },
      { ...running, ...restartTime },
      [['restarted', 'restarting', 'running']],
    ],
    [
      'a pause',
      running,
      { ...running, state: 'paused', status: 'Up 5 minutes (Paused)' },
      [['paused', 'running', 'paused']],
    ],
    ['the end of a pause', { ...running, state: 'paused' }, running, [['unpaused', 'paused', 'running']]],
    ['a death', running, { ...running, state: 'dead', status: 'Dead' }, [['exited', 'running', 'dead']]],
    [
      'another exit code',
      exited,
      { ...exited, status: 'Exited (0) 1 second ago' },
      [['exited', 'exited', 'exited', 0]],
    ],
    [
      'a change of health',
      { ...running, status: 'Up 5 minutes (healthy)' },
      { ...running, status: 'Up 6 minutes (unhealthy)' },
      [['health_changed', 'healthy', 'unhealthy']],
    ],
    [
      'a health status that ends with its process',
      { ...running, status: 'Up 5 minutes (healthy)' },
      exited,
      [['exited', 'running', 'exited', 137]],
    ],
    [
      'an unobserved end of a pause, together with a failed health check',
      { ...running, state: 'paused', status: 'Up 5 minutes (Paused)' },
      { ...running, status: 'Up 6 minutes (unhealthy)' },
      [
        ['unpaused', 'paused', 'running'],
        ['health_changed', null, 'unhealthy'],
      ],
    ],
    [
      'a first health status after an unobserved restart',
      { ...exited, state: 'restarting', status: 'Restarting (1) 1 second ago' },
      { ...running, ...restartTime, status: 'Up 1 minute (healthy)' },
      [
        ['restarted', 'restarting', 'running'],
        ['health_changed', null, 'healthy'],
      ],
    ],
    [
      'a start, after which the health status is always `starting`',
      exited,
      { ...running, ...restartTime, status: 'Up 1 second (health: starting)' },
      [['started', 'exited', 'running']],
    ],
    [
      'a failed removal, which is not a second exit',
      exited,
      { ...exited, state: 'dead', status: 'Dead' },
      [['updated', { state: 'exited' }, { state: 'dead' }]],
    ],
    ['a new name', { ...running, name: 'web' }, { ...running, name: 'web_old' }, [['renamed', 'web', 'web_old']]],
    [
      'a new image',
      { ...running, image: 'nginx:1' },
      { ...running, image: 'sha256:0f' },
      [['image_changed', 'nginx:1', 'sha256:0f']],
    ],
    [
      'a tag that moved, after which an earlier agent reports the image id instead of the image name',
      { ...running, image: 'demo:1', imageId: ID },
      { ...running, image: ID, imageId: ID },
      [],
    ],
    [
      'an upgrade of an agent that reported the image id instead of the image name',
      { ...running, image: ID, imageId: ID },
      { ...running, image: 'demo:1', imageId: ID, imageDigest: ID },
      [],
    ],
    [
      'another image store of the engine, which changes the id of an image that has a name',
      { ...running, image: 'demo:1', imageId: ID },
      { ...running, image: 'demo:1', imageId: OTHER_ID, imageDigest: OTHER_ID },
      [['updated', { imageId: ID }, { imageId: OTHER_ID }]],
    ],
    [
      'another image store of the engine, which changes the id of an image without a name',
      { ...running, image: ID, imageId: ID },
      { ...running, image: OTHER_ID, imageId: OTHER_ID },
      [['updated', { imageId: ID }, { imageId: OTHER_ID }]],
    ],
    [
      'the address of all interfaces, which Podman omits up to version 5.4',
      { ...running, ports: [{ privatePort: 80, publicPort: 8080, type: 'tcp' as const }] },
      { ...running, ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8080, type: 'tcp' as const }] },
      [],
    ],
    [
      'new labels',
      { ...running, labels: { a: '1' } },
      { ...running, labels: { a: '2' } },
      [['updated', { labels: { a: '1' } }, { labels: { a: '2' } }]],
    ],
    [
      'labels that are added and removed while other labels stay',
      { ...running, labels: { stays: '0', goes: '1', __proto__: 'x' } },
      { ...running, labels: { stays: '0', comes: '2', constructor: 'y' } },
      [['updated', { labels: { goes: '1' } }, { labels: { comes: '2', constructor: 'y' } }]],
    ],
    [
      'a change of one port among several',
      { ...running, ports: [...(container('a').ports ?? []), { privatePort: 81, type: 'tcp' as const }] },
      { ...running, ports: [...(container('a').ports ?? []), { privatePort: 82, type: 'udp' as const }] },
      [['updated', { ports: [{ privatePort: 81, type: 'tcp' }] }, { ports: [{ privatePort: 82, type: 'udp' }] }]],
    ],
    ['new ports', { ...running, ports: [] }, running, [['updated', { ports: [] }, { ports: container('a').ports }]]],
    [
      'a state without an event kind',
      running,
      { ...running, state: 'removing' },
      [['updated', { state: 'running' }, { state: 'removing' }]],
    ],
    [
      'a rename together with an exit',
      running,
      { ...exited, name: 'web_old' },
      [
        ['renamed', 'name-of-a', 'web_old'],
        ['exited', 'running', 'exited', 137],
      ],
    ],
    ['a status text in which only the age changed', running, { ...running, status: 'Up 6 minutes' }, []],
    ['an exit text in which only the age changed', exited, { ...exited, status: 'Exited (137) 2 minutes ago' }, []],
  ])('%s', (_what, from, to, expected) => {
    expect(events(from, to)).toEqual(expected);
  });

  test('a created, removed or reappeared container has exactly one event', () => {
    const kinds = (before: StoredContainer[], incoming: ReturnType<typeof row>[]) =>
      diffSnapshot(before, incoming, { complete: true }).events.map(({ kind, from, to }) => [kind, from, to]);
    expect(kinds([], [row(exited)])).toEqual([['created', null, 'exited']]);
    expect(kinds([storedContainer(running)], [])).toEqual([['removed', 'running', null]]);
    expect(kinds([storedContainer({ ...running, name: 'old' }, true)], [row(running)])).toEqual([
      ['reappeared', null, 'running'],
    ]);
  });
});

test('an event stays small regardless of how much has changed', () => {
  const many = (value: string) =>
    Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`key-${index}-${'k'.repeat(2_000)}`, value]));
  const ports = Array.from({ length: 5_000 }, (_, index) => ({ privatePort: 2 * index + 1, type: 'tcp' as const }));
  const [event] = diffSnapshot(
    [storedContainer({ labels: many('a'.repeat(5_000)), ports: [], command: 'a' })],
    [row({ labels: many('b'.repeat(5_000)), ports, command: 'b'.repeat(100_000) })],
    { complete: true },
  ).events;
  expect(event?.kind).toBe('updated');
  const { command, omittedLabels, omittedPorts } = event!.to as Record<string, unknown>;
  expect(command).toBe(`${'b'.repeat(1_024)}…`);
  // An event has room for 8,192 UTF-16 code units of labels. Each changed label takes 4,096: 1,024 for each of the
  // old key, the old value, the new key and the new value.
  expect(omittedLabels).toBe(1_000 - 2);
  expect(omittedPorts).toBe(5_000 - 64);
  expect(JSON.stringify(event).length).toBeLessThan(30_000);
});

test('an incomplete snapshot removes nothing', () => {
  const diff = diffSnapshot([storedContainer()], [], { complete: false });
  expect(diff).toEqual({
    writes: [],
    patches: [],
    removals: [],
    events: [],
    unchanged: 0,
    keepsExit: false,
    totalChanges: { stateCounts: {}, truncated: 0, failed: 0 },
  });
});

test('an equal row is not written, and a new age in the status text does not mark a row as changed', () => {
  expect(diffSnapshot([{ dockerId: 'a', equal: true }], [row()], { complete: true })).toMatchObject({
    writes: [],
    unchanged: 1,
  });
  const aged = diffSnapshot([storedContainer()], [row({ status: 'Up 6 minutes (healthy)' })], { complete: true });
  expect(aged).toMatchObject({ writes: [], patches: [{ dockerId: 'a', status: 'Up 6 minutes (healthy)' }] });
  expect(aged.patches[0]).not.toHaveProperty('changed');
  expect(aged.patches[0]).not.toHaveProperty('ports');
  const renamed = diffSnapshot([storedContainer()], [row({ name: 'new' })], { complete: true });
  expect(renamed).toMatchObject({ writes: [{ dockerId: 'a', name: 'new' }], patches: [] });
});

test('a row that differs only in its truncated fields is written as a whole, without an event', () => {
  const labels = { a: 'x'.repeat(4_096) };
  const diff = diffSnapshot([storedContainer({ labels })], [row({ labels, truncated: ['labels'] })], {
    complete: true,
  });
  expect(diff).toMatchObject({ writes: [{ truncated: ['labels'] }], patches: [], events: [] });
  expect(diff.totalChanges.truncated).toBe(1);
});

describe('a comparison of long lists that yields to the event loop', () => {
  const labels = (version: number) =>
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`label-${i}`, `value-${version}`]));
  const rowOf = (index: number, changes: Partial<ContainerInput> = {}) =>
    toContainerRow(Container.parse(container(`c${index}`, { labels: labels(1), ...changes })));
  const storedOf = (index: number): StoredContainer => {
    const found = rowOf(index);
    const { dockerId } = found;
    if (index % 7 === 0) return { dockerId, equal: true };
    return { dockerId, equal: false, removed: index % 5 === 0, row: found };
  };
  // Some containers are new and some are removed. The remaining containers are in another order, and half of them have
  // changed.
  const before = Array.from({ length: 1_000 }, (_, index) => storedOf(index));
  const after = Array.from({ length: 1_000 }, (_, index) =>
    rowOf(1_099 - index, index % 2 === 0 ? { image: 'other:1', labels: labels(2) } : {}),
  );

  test.each([{ complete: true }, { complete: false }, { complete: false, removedIds: ['c1', 'c2', 'c500', 'c2000'] }])(
    'returns the same diff as a comparison without yields: %j',
    async (options) => {
      expect(await diffSnapshotWithYields(before, after, options)).toEqual(diffSnapshot(before, after, options));
      expect(await diffSnapshotWithYields([], after, options)).toEqual(diffSnapshot([], after, options));
      expect(await diffSnapshotWithYields(before, [], options)).toEqual(diffSnapshot(before, [], options));
    },
  );

  test('yields to other tasks', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    for (let round = 0; round < 5; round++) await diffSnapshotWithYields(before, after, { complete: true });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });
});
