import './window';
import { describe, expect, test } from '@jest/globals';
import type { FleetMap, Host, Summary } from '@muster/contracts';
import { QueryClient } from '@tanstack/react-query';
import fc from 'fast-check';
import {
  cellAfterKey,
  describeState,
  markOf,
  MARKS,
  marksOf,
  pathsOf,
  shapeOf,
} from '../src/features/fleet/density-map';
import { hostCounts } from '../src/features/fleet/host-counts';
import { updateFleetMap } from '../src/lib/api/fleet-map-cache';
import { fleetMapQuery } from '../src/lib/api/queries';
import { severityOf } from '../src/lib/severity';
import { host, hostProblem } from './samples';

describe('the map of hosts', () => {
  test('marks a host by its freshness or by its problem, depending on which is worse', () => {
    expect(markOf('offline', 5, 3)).toBe('offline');
    expect(markOf('stale', 4, 0)).toBe('stale');
    expect(markOf('stale', 5, 0)).toBe('problem');
    expect(markOf('never', 2, 0)).toBe('never');
    expect(markOf('never', 5, 0)).toBe('problem');
    expect(markOf('online', 5, 0)).toBe('problem');
    expect(markOf('online', 3, 2)).toBe('minor');
    expect(markOf('online', 1, 2)).toBe('unhealthy');
    expect(markOf('online', 1, 0)).toBe('online');
  });

  test('has a different shape for each mark, so that color is not needed to distinguish them', () => {
    expect(new Set(MARKS.map(shapeOf)).size).toBe(MARKS.length);
  });

  test('draws each host exactly once, in rows from left to right', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...MARKS), { maxLength: 200 }),
        fc.integer({ min: 1, max: 40 }),
        (marks, columns) => {
          const places = Object.values(pathsOf(marks, columns)).flatMap((path) =>
            [...path.matchAll(/M(\d+) (\d+)/g)].map(([, x, y]) => (Number(y) / 10) * columns + Number(x) / 10),
          );
          expect(places.sort((a, b) => a - b)).toEqual(marks.map((_, index) => index));
        },
      ),
    );
  });

  test('can be navigated with the arrow keys, which stop at its edges', () => {
    expect(cellAfterKey('ArrowRight', 0, 10, 25)).toBe(1);
    expect(cellAfterKey('ArrowDown', 3, 10, 25)).toBe(13);
    expect(cellAfterKey('ArrowDown', 18, 10, 25)).toBe(18);
    expect(cellAfterKey('ArrowUp', 3, 10, 25)).toBe(3);
    expect(cellAfterKey('End', 3, 10, 25)).toBe(24);
    expect(cellAfterKey('Home', 3, 10, 25)).toBe(0);
    expect(cellAfterKey('a', 3, 10, 25)).toBeNull();
  });

  test('describes each host in words', () => {
    const fleet: FleetMap = {
      total: 2,
      ids: ['1', '2'],
      names: ['web-01', 'web-02'],
      freshness: ['online', 'offline'],
      severity: [5, 5],
      unhealthy: [2, 0],
    };
    expect(describeState(fleet, 0)).toBe('online, severe problem, 2 unhealthy containers');
    expect(describeState(fleet, 1)).toBe('offline');
    expect(marksOf(fleet)).toEqual(['problem', 'offline']);
  });
});

describe('the cached map of hosts', () => {
  const listed = host({ id: '1', name: 'web-01', containersByHealth: {} });
  const map: FleetMap = {
    total: 2,
    ids: ['1', '2'],
    names: ['web-01', 'web-02'],
    freshness: ['online', 'online'],
    severity: [1, 1],
    unhealthy: [0, 0],
  };
  const update = (client: QueryClient, changed: Host): boolean =>
    updateFleetMap(client, new Map([[changed.id, changed]]));

  test('shows a changed host without a request', () => {
    const client = new QueryClient();
    client.setQueryData(fleetMapQuery.queryKey, map);
    expect(update(client, { ...listed, containersByHealth: { unhealthy: 3 } })).toBe(true);
    expect(update(client, { ...listed, id: '2', name: 'web-02', freshness: 'offline' })).toBe(true);
    expect(client.getQueryData(fleetMapQuery.queryKey)).toEqual({
      ...map,
      freshness: ['online', 'offline'],
      severity: [1, 5],
      unhealthy: [3, 0],
    });
    client.clear();
  });

  test('must be refetched after a change that adds a host to the map or moves a host', () => {
    const client = new QueryClient();
    expect(update(client, listed)).toBe(true);
    client.setQueryData(fleetMapQuery.queryKey, map);
    expect(update(client, { ...listed, id: '3' })).toBe(false);
    expect(update(client, { ...listed, name: 'renamed' })).toBe(false);
    client.clear();
  });
});

test('the severity of a host is the same as in the API', () => {
  const severity = (freshness: Host['freshness'], ...codes: Parameters<typeof hostProblem>[0][]) =>
    severityOf({ freshness, problems: codes.map((code) => hostProblem(code)) });
  expect(severity('left', 'clone_suspected')).toBe(0);
  expect(severity('online')).toBe(1);
  expect(severity('never')).toBe(2);
  expect(severity('online', 'clock_skew')).toBe(3);
  expect(severity('stale', 'clock_skew')).toBe(4);
  expect(severity('online', 'clone_suspected')).toBe(5);
  expect(severity('engine_down')).toBe(5);
});

describe('the numbers of hosts on the fleet page', () => {
  const none = { online: 0, stale: 0, offline: 0, never: 0, engine_down: 0, left: 0 };
  const noProblem = {
    engine_unreachable: 0,
    list_refused: 0,
    too_many_containers: 0,
    snapshot_refused: 0,
    truncated: 0,
    clone_suspected: 0,
    clock_skew: 0,
  };
  const counts = (byFreshness: object, byProblem: object): Pick<Summary['hosts'], 'byFreshness' | 'byProblem'> => ({
    byFreshness: { ...none, ...byFreshness },
    byProblem: { ...noProblem, ...byProblem },
  });
  const shown = (hosts: ReturnType<typeof counts>) =>
    hostCounts(hosts).map(({ count, freshness, problem }) => [count, freshness ?? problem]);

  test('are shown for each freshness and each problem that at least one host has', () => {
    expect(shown(counts({ online: 498, left: 1, never: 1 }, { clone_suspected: 1, clock_skew: 3 }))).toEqual([
      [498, 'online'],
      [1, 'never'],
      [1, 'left'],
      [1, 'clone_suspected'],
      [3, 'clock_skew'],
    ]);
  });

  test('include unreachable engines only if their number differs from the number of hosts with an engine that is down', () => {
    expect(shown(counts({ engine_down: 2 }, { engine_unreachable: 2 }))).toEqual([[2, 'engine_down']]);
    expect(shown(counts({ engine_down: 2 }, { engine_unreachable: 3 }))).toContainEqual([3, 'engine_unreachable']);
  });
});
