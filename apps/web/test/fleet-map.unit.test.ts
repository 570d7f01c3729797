import { describe, expect, test } from '@jest/globals';
import type { FleetMap, Summary } from '@muster/contracts';
import fc from 'fast-check';
import {
  cellAfterKey,
  describeCell,
  markOf,
  MARKS,
  marksOf,
  pathsOf,
  shapeOf,
} from '../src/features/fleet/density-map';
import { hostCounts } from '../src/features/fleet/host-counts';

describe('the map of hosts', () => {
  test('marks a host by its freshness and, if it is online, by its worst problem', () => {
    expect(markOf('offline', 5, 3)).toBe('offline');
    expect(markOf('stale', 4, 0)).toBe('stale');
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

  test('moves between cells with the arrow keys and stays inside the map', () => {
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
    expect(describeCell(fleet, 0)).toBe('web-01: online, severe problem, 2 unhealthy containers');
    expect(describeCell(fleet, 1)).toBe('web-02: offline');
    expect(marksOf(fleet)).toEqual(['problem', 'offline']);
  });
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

  test('are those of each freshness and each problem that a host has', () => {
    expect(shown(counts({ online: 498, left: 1, never: 1 }, { clone_suspected: 1, clock_skew: 3 }))).toEqual([
      [498, 'online'],
      [1, 'never'],
      [1, 'left'],
      [1, 'clone_suspected'],
      [3, 'clock_skew'],
    ]);
  });

  test('contain unreachable engines only if these are not the hosts whose engine is down', () => {
    expect(shown(counts({ engine_down: 2 }, { engine_unreachable: 2 }))).toEqual([[2, 'engine_down']]);
    expect(shown(counts({ engine_down: 2 }, { engine_unreachable: 3 }))).toContainEqual([3, 'engine_unreachable']);
  });
});
