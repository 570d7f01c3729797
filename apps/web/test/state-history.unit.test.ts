import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { groupBy } from '../src/lib/group-by';
import { sampleHistory, stateHistory, type StateChange } from '../src/lib/state-history';
import { at, event, NOW } from './samples';

const withoutZeros = (counts: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

describe('the counts by state over time', () => {
  test('are computed backwards by undoing each change', () => {
    const changes = [
      event({ kind: 'started', from: 'exited', to: 'running', recordedAt: at(10) }),
      event({ kind: 'exited', from: 'running', to: 'exited', recordedAt: at(20) }),
      event({ kind: 'created', from: null, to: 'running', recordedAt: at(30) }),
      event({ kind: 'health_changed', from: 'healthy', to: 'unhealthy', recordedAt: at(40) }),
    ];
    const points = stateHistory({ running: 2 }, changes, NOW);
    expect(sampleHistory(points, NOW - 35_000, NOW, 8).map(({ byState }) => byState['running'] ?? 0)).toEqual([
      1, 2, 2, 1, 1, 2, 2, 2,
    ]);
    expect(points.map((point) => point.at)).toEqual([...points.map((point) => point.at)].sort((a, b) => a - b));
  });

  test('include the state after a `looping` event', () => {
    const changes = [
      event({ kind: 'looping', from: 'running', to: 'exited', recordedAt: at(10) }),
      event({ kind: 'created', from: null, to: 'running', recordedAt: at(30) }),
    ];
    const points = stateHistory({ exited: 1 }, changes, NOW);
    expect(points.map(({ byState }) => withoutZeros(byState))).toEqual([
      {},
      { running: 1 },
      { running: 1 },
      { exited: 1 },
      { exited: 1 },
    ]);
  });

  test('equal the actual counts at each time, for any history', () => {
    const STATES = ['running', 'exited', 'paused', 'restarting'];
    const step = fc.record({ id: fc.nat(4), to: fc.option(fc.constantFrom(...STATES), { nil: null }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const states = new Map<number, string>();
        const count = () => {
          const byState: Record<string, number> = {};
          for (const state of states.values()) byState[state] = (byState[state] ?? 0) + 1;
          return byState;
        };
        const expected = [count()];
        const changes: StateChange[] = [];
        steps.forEach(({ id, to }, index) => {
          const from = states.get(id) ?? null;
          if (to === null) states.delete(id);
          else states.set(id, to);
          const kind = to === null ? 'removed' : from === null ? 'created' : 'started';
          changes.unshift({ kind, from, to, recordedAt: at(1_000 - index) });
          expected.push(count());
        });
        const points = stateHistory(count(), changes, NOW);
        // There are two points for each change, and one point for the current time.
        const countsAfterChanges = points
          .filter((_, index) => index % 2 === 0)
          .map(({ byState }) => withoutZeros(byState));
        expect(countsAfterChanges).toEqual(expected);
      }),
    );
  });

  test('are never negative, even if changes are missing', () => {
    const changes = [1, 2, 3].map((n) => event({ kind: 'started', from: 'exited', to: 'running', recordedAt: at(-n) }));
    const points = stateHistory({ running: 1 }, changes, NOW);
    for (const point of points) {
      expect(Math.min(0, ...Object.values(point.byState))).toBe(0);
      expect(point.at).toBeLessThanOrEqual(NOW);
    }
  });

  test('are sampled at evenly spaced times that include both ends of the period', () => {
    const points = stateHistory({ running: 1 }, [], NOW);
    expect(sampleHistory(points, NOW - 300, NOW, 4).map((sample) => sample.at - NOW)).toEqual([-300, -200, -100, 0]);
    expect(sampleHistory(points, NOW - 300, NOW, 1)).toHaveLength(1);
    expect(sampleHistory([], NOW - 300, NOW, 4)).toEqual([]);
  });

  test('include a change in a sample at the same time', () => {
    const changes = [event({ kind: 'exited', from: 'running', to: 'exited', recordedAt: at(5) })];
    const points = stateHistory({ exited: 1 }, changes, NOW);
    expect(sampleHistory(points, NOW - 10_000, NOW, 3).map(({ byState }) => withoutZeros(byState))).toEqual([
      { running: 1 },
      { exited: 1 },
      { exited: 1 },
    ]);
  });
});

test('groups contain each item once, in the order of their first items', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (items) => {
      const groups = groupBy(items, (item) => item % 3);
      expect([...groups.keys()]).toEqual([...new Set(items.map((item) => item % 3))]);
      for (const [key, group] of groups) expect(group).toEqual(items.filter((item) => item % 3 === key));
    }),
  );
});
