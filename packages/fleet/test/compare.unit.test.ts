import { describe, expect, test } from '@jest/globals';
import type { Container, ContainerEvent, ContainerView, Host, SyncSummary } from '@muster/contracts';
import {
  compareContainers,
  compareCounts,
  compareHistory,
  compareHost,
  compareRemoved,
  possibleFreshness,
  type ExpectedHost,
} from '../src/compare.js';
import { createRoles, type SentContainer } from '../src/model/container-life.js';
import { HostLife } from '../src/model/host-life.js';

const life = new HostLife({ seed: 1, host: 0, roles: createRoles(20), churn: 0.5, intervalMs: 60_000, faults: 0 });
life.advance(600_000);
const hostId = '01a20b37-2f61-7c1c-9a52-3c5a2a0a4c3e';
const expected: ExpectedHost = {
  ...{ name: 'sim-1-1', hostId, removed: ['gone1', 'gone2'] },
  containers: life.containers.map((each) => each.sent(600_000, Date.parse('2026-11-01T12:00:00Z'))),
  lastSeen: { fromMs: 1_000, untilMs: 1_100 },
  cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
};
/** A container with every fact that a modern agent reports. */
type ReportedContainer = Container & Pick<ContainerView, 'exit' | 'oomKilled' | 'restartCount' | 'imageDigest'>;

const at = '2026-11-01T12:00:00.000Z';
const view = ({ text, derived }: SentContainer): ContainerView => ({
  // The order of the fields, which differs between serializers, makes no difference.
  ...(Object.fromEntries(
    Object.entries({ exit: null, ...(JSON.parse(text) as Container) }).reverse(),
  ) as ReportedContainer),
  ...derived,
  ...{
    hostId,
    hostName: 'sim-1-1',
    engineName: 'Docker',
    hostFreshness: 'online',
    asOf: at,
    firstSeenAt: at,
    changedAt: at,
  },
  ...{ uptimeSeconds: null, removedAt: null },
});
const views = expected.containers!.map(view);

describe('the comparison of present containers', () => {
  test('finds no difference if all containers are as sent, in any order', () => {
    expect(compareContainers(expected, views)).toEqual([]);
    expect(compareContainers(expected, views.toReversed())).toEqual([]);
  });

  test.each<[string, Partial<ContainerView>]>([
    ['name', { name: 'other' }],
    ['image', { image: 'other' }],
    ['imageId', { imageId: null }],
    ['command', { command: '' }],
    ['state', { state: 'dead' }],
    ['status', { status: 'Up 1 second' }],
    ['ports', { ports: [{ privatePort: 1, type: 'udp' }] }],
    ['labels', { labels: { team: 'other' } }],
    ['startedAt', { startedAt: null }],
    ['health', { health: 'unhealthy' }],
    ['exitCode', { exitCode: 99 }],
    ['exit', { exit: { code: 99, reason: 'oom', error: '', finishedAt: at } }],
    ['oomKilled', { oomKilled: true }],
    ['restartCount', { restartCount: 99 }],
    ['imageDigest', { imageDigest: null }],
    ['workload', { workload: { kind: 'compose', project: 'shop', service: 'web', instance: '99' } }],
    ['isInfra', { isInfra: true }],
    ['removed', { removedAt: at }],
  ])('finds one difference, with the name of the field, if %s differs', (field, other) => {
    const index = views.findIndex(({ health, state }) => health !== 'unhealthy' && state === 'running');
    const differences = compareContainers(expected, views.with(index, { ...views[index]!, ...other }));
    expect(differences).toEqual([expect.stringContaining(field)]);
    expect(differences[0]).toContain(`sim-1-1, container ${other.name ?? views[index]!.name}`);
  });

  test('finds containers that are missing, were not sent, or are listed twice', () => {
    const [first, second, ...rest] = views;
    expect(compareContainers(expected, [second!, ...rest])).toEqual([
      expect.stringMatching(/was sent but is not present$/),
    ]);
    expect(compareContainers(expected, [...views, { ...first!, dockerId: 'f00' }])).toEqual([
      expect.stringContaining('is present but was not sent'),
    ]);
    expect(compareContainers(expected, [...views, first!])).toEqual([expect.stringContaining('is listed twice')]);
  });
});

describe('the comparison of removed containers', () => {
  const removed = ['gone1', 'gone2'].map((dockerId) => ({
    ...views[0]!,
    ...{ dockerId, state: 'exited', status: '', removedAt: at },
  }));

  test('finds no difference if at least the expected containers are marked as removed', () => {
    expect(compareRemoved(expected, [...removed, { ...removed[0]!, dockerId: 'other' }])).toEqual([]);
  });

  test('finds containers that are missing or not marked as removed', () => {
    expect(compareRemoved(expected, [removed[0]!])).toEqual([expect.stringContaining('gone2 was removed')]);
    expect(compareRemoved(expected, [removed[0]!, { ...removed[1]!, removedAt: null }])).toHaveLength(1);
    expect(compareRemoved(expected, [removed[0]!, { ...removed[1]!, state: 'running' }])).toHaveLength(1);
  });
});

describe('the comparison of a history', () => {
  type HistoryEvent = Parameters<typeof compareHistory>[1][number];
  const workload: ContainerEvent['workload'] = { kind: 'plain', project: null, service: 'kept', instance: null };
  const exit = { code: 1, reason: 'crashed', error: '', finishedAt: at };
  const sent = (container: object): SentContainer => ({
    text: JSON.stringify({ dockerId: 'kept', ...container }),
    derived: { workload, health: null, exitCode: null, isInfra: false },
  });
  const host = { name: 'sim-1-1', containers: [sent({ state: 'running' })], removed: ['gone'] };
  const event = (
    dockerId: string,
    kind: ContainerEvent['kind'],
    from: string | null,
    to: string | null,
  ): HistoryEvent => ({
    ...{ dockerId, kind, from, to, exitReason: kind === 'exited' ? 'crashed' : null, workload },
  });
  const events = [
    event('kept', 'created', null, 'running'),
    event('gone', 'created', null, 'exited'),
    event('kept', 'exited', 'running', 'exited'),
    event('kept', 'health_changed', 'healthy', null),
    event('kept', 'started', 'exited', 'running'),
    event('gone', 'removed', 'exited', null),
  ];

  test('finds no difference if each event starts with the state in which the previous event ended', () => {
    expect(compareHistory(host, events)).toEqual([]);
  });

  test.each([
    ['created', 0],
    ['exited', 2],
    ['started', 4],
    ['removed', 5],
  ] as const)('finds that the event %s is missing or was recorded twice', (kind, index) => {
    expect(events[index]!.kind).toBe(kind);
    expect(compareHistory(host, events.toSpliced(index, 1))).not.toEqual([]);
    expect(compareHistory(host, events.toSpliced(index, 0, events[index]!))).not.toEqual([]);
  });

  test('finds an event with a wrong workload, and a wrong reason for the last exit', () => {
    const exited = { ...host, containers: [sent({ state: 'exited', exit })] };
    const ended = [...events, event('kept', 'exited', 'running', 'exited')];
    expect(compareHistory(exited, ended)).toEqual([]);
    expect(compareHistory(exited, ended.with(-1, { ...ended.at(-1)!, exitReason: 'oom' }))).toEqual([
      'sim-1-1, container kept, its last exit: exitReason is "oom" but should be "crashed"',
    ]);
    expect(compareHistory(host, events.with(3, { ...events[3]!, workload: null }))).toEqual([
      expect.stringContaining('event health_changed: workload is null but should be'),
    ]);
  });

  test('describes a difference with the container and both states', () => {
    expect(compareHistory(host, events.slice(0, -1))).toEqual([
      'sim-1-1, container gone: its history has reached "exited", but it was removed',
    ]);
  });
});

describe('the comparison of the counts in a response', () => {
  const before = new Map([
    ['same', '1'],
    ['changed', '1'],
    ['gone', '1'],
  ]);
  const after = new Map([
    ['same', '1'],
    ['changed', '2'],
    ['new', '1'],
    ['newer', '1'],
  ]);
  const summary = { received: 4, created: 2, updated: 1, unchanged: 1, removed: 1 } as SyncSummary;

  test('finds no difference if every change was counted once', () => {
    expect(compareCounts(before, after, summary)).toEqual([]);
  });

  test.each(['received', 'created', 'updated', 'unchanged', 'removed'] as const)('finds a wrong %s', (count) => {
    expect(compareCounts(before, after, { ...summary, [count]: 7 })).toEqual([
      `response to a snapshot: ${count} is 7 but should be ${summary[count]}`,
    ]);
  });

  test('checks only the number of received containers if the previous snapshot is unknown', () => {
    expect(compareCounts(null, after, { ...summary, updated: 7 })).toEqual([]);
    expect(compareCounts(null, after, { ...summary, received: 7 })).toHaveLength(1);
  });
});

describe('the comparison of a host', () => {
  const counted = views.filter(({ isInfra }) => !isInfra);
  const countBy = (words: readonly (string | null | undefined)[]) =>
    Object.fromEntries(
      [...new Set(words)].flatMap((word) => (word ? [[word, words.filter((other) => other === word).length]] : [])),
    );
  const host = {
    ...{ id: hostId, name: 'sim-1-1', containerCount: 19, freshness: 'online' },
    containersByState: countBy(counted.map(({ state }) => state)),
    containersByHealth: countBy(counted.map(({ health }) => health)),
    containersByExitReason: countBy(counted.map(({ exit }) => exit?.reason)),
  } as Host;
  const NONE = { containerCount: 0, containersByState: {}, containersByHealth: {}, containersByExitReason: {} };
  const soon = { fromMs: 2_000, untilMs: 3_000 };

  test('finds no difference if the host is in the expected state', () => {
    expect(compareHost(expected, host, soon)).toEqual([]);
  });

  test.each<[string, Partial<Host>]>([
    ['containerCount is 20 but should be 19', { containerCount: 20 }],
    ['containersByState is', { containersByState: {} }],
    ['containersByHealth is', { containersByHealth: {} }],
    ['containersByExitReason is', { containersByExitReason: {} }],
    ['name is "web-1" but should be "sim-1-1"', { name: 'web-1' }],
    ['freshness is "stale" but should be "online"', { freshness: 'stale' }],
  ])('reports that %s', (what, other) => {
    expect(compareHost(expected, { ...host, ...other }, soon)).toEqual([expect.stringContaining(what)]);
  });

  test('finds a missing host, and a host that is online without having reported', () => {
    expect(compareHost(expected, undefined, soon)).toHaveLength(1);
    expect(compareHost({ ...expected, containers: null }, { ...host, ...NONE }, soon)).toHaveLength(1);
  });

  test.each([
    [2_000, 3_000, ['online']],
    [30_500, 31_500, ['online', 'stale']],
    [40_000, 41_000, ['stale']],
    [301_050, 301_060, ['stale', 'offline']],
    [400_000, 401_000, ['offline']],
  ])(
    'for a host that was last seen at 1 s, expects a read between %d and %d ms to return %j',
    (fromMs, untilMs, freshness) => {
      expect(possibleFreshness(expected, { fromMs, untilMs })).toEqual(freshness);
    },
  );

  test('expects a host with slow heartbeats to be offline only after ten missed heartbeats', () => {
    const slow = { ...expected, cadence: { heartbeatSeconds: 60, snapshotSeconds: 300 } };
    expect(possibleFreshness(slow, { fromMs: 400_000, untilMs: 401_000 })).toEqual(['stale']);
    expect(possibleFreshness(slow, { fromMs: 602_000, untilMs: 603_000 })).toEqual(['offline']);
  });
});
