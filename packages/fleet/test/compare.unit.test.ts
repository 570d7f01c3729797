import { describe, expect, test } from '@jest/globals';
import { parseStatus, type Container, type ContainerView, type Host } from '@muster/contracts';
import {
  compareContainers,
  compareHost,
  compareRemoved,
  possibleFreshness,
  type ExpectedHost,
} from '../src/compare.js';
import { containerTexts, createRoles } from '../src/model/container-texts.js';
import { HostLife } from '../src/model/host-life.js';

const life = new HostLife({ seed: 1, host: 0, roles: createRoles(20), churn: 0.5, intervalMs: 60_000, faults: 0 });
life.advance(600_000);
const hostId = '01a20b37-2f61-7c1c-9a52-3c5a2a0a4c3e';
const expected: ExpectedHost = {
  ...{ name: 'sim-1-1', hostId, isGone: false, removed: ['gone1', 'gone2'] },
  containers: containerTexts(life.containers, [], 600_000, Date.parse('2026-11-01T12:00:00Z')),
  lastSeen: { fromMs: 1_000, untilMs: 1_100 },
  cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
};
const at = '2026-11-01T12:00:00.000Z';
const view = (container: Container): ContainerView => ({
  // As from another serializer: the order of the fields is not significant.
  ...(Object.fromEntries(Object.entries(container).reverse()) as Container),
  ...{ hostId, hostName: 'sim-1-1', hostFreshness: 'online', asOf: at, firstSeenAt: at, changedAt: at },
  ...{ uptimeSeconds: null, removedAt: null, ...parseStatus(container.status) },
});
const views = expected.containers!.map((text) => view(JSON.parse(text) as Container));

describe('containers', () => {
  test('that are as they were sent do not differ, in any order', () => {
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
    ['removed', { removedAt: at }],
  ])('with a different %s are one difference, which names it', (field, other) => {
    const index = views.findIndex(({ health }) => health !== 'unhealthy');
    const differences = compareContainers(expected, views.with(index, { ...views[index]!, ...other }));
    expect(differences).toEqual([expect.stringContaining(field)]);
    expect(differences[0]).toContain(`sim-1-1, container ${other.name ?? views[index]!.name}`);
  });

  test('that are missing, that were not sent, or that are there twice are differences', () => {
    const [first, second, ...rest] = views;
    expect(compareContainers(expected, [second!, ...rest])).toEqual([
      expect.stringMatching(/was sent, and is not present$/),
    ]);
    expect(compareContainers(expected, [...views, { ...first!, dockerId: 'f00' }])).toEqual([
      expect.stringContaining('is present, and was not sent'),
    ]);
    expect(compareContainers(expected, [...views, first!])).toEqual([expect.stringContaining('is there twice')]);
  });
});

describe('removed containers', () => {
  const removed = ['gone1', 'gone2'].map((dockerId) => ({
    ...views[0]!,
    ...{ dockerId, state: 'exited', status: '', removedAt: at },
  }));

  test('that are marked removed do not differ, even if others were removed too', () => {
    expect(compareRemoved(expected, [...removed, { ...removed[0]!, dockerId: 'other' }])).toEqual([]);
  });

  test('that are missing, or not marked removed, are differences', () => {
    expect(compareRemoved(expected, [removed[0]!])).toEqual([expect.stringContaining('gone2 went away')]);
    expect(compareRemoved(expected, [removed[0]!, { ...removed[1]!, removedAt: null }])).toHaveLength(1);
    expect(compareRemoved(expected, [removed[0]!, { ...removed[1]!, state: 'running' }])).toHaveLength(1);
  });
});

describe('a host', () => {
  const host = { id: hostId, name: 'sim-1-1', containerCount: 20, freshness: 'online' } as Host;
  const soon = { fromMs: 2_000, untilMs: 3_000 };

  test('in the expected state does not differ', () => {
    expect(compareHost(expected, host, soon)).toEqual([]);
  });

  test.each<[string, Partial<Host>]>([
    ['has containerCount', { containerCount: 19 }],
    ['is called', { name: 'web-1' }],
    ['is stale, and should be online', { freshness: 'stale' }],
  ])('differs if it %s', (what, other) => {
    expect(compareHost(expected, { ...host, ...other }, soon)).toEqual([expect.stringContaining(what)]);
  });

  test('differs if it is missing, or if it never reported and is online', () => {
    expect(compareHost(expected, undefined, soon)).toHaveLength(1);
    expect(compareHost({ ...expected, containers: null }, { ...host, containerCount: 0 }, soon)).toHaveLength(1);
  });

  test.each([
    [2_000, 3_000, ['online']],
    [30_500, 31_500, ['online', 'stale']],
    [40_000, 41_000, ['stale']],
    [301_050, 301_060, ['stale', 'offline']],
    [400_000, 401_000, ['offline']],
  ])('that was last seen after 1 s and is read between %d and %d ms is %j', (fromMs, untilMs, freshness) => {
    expect(possibleFreshness(expected, { fromMs, untilMs })).toEqual(freshness);
  });
});
