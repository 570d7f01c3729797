import { describe, expect, test } from '@jest/globals';
import { splitStateCounts, totalsOf } from '../src/services/sync/state-counts.js';

describe("a host's counts", () => {
  test('are shown by state, by health and by exit reason, with a separate count of infra containers', () => {
    expect(
      splitStateCounts({ running: 3, exited: 1, 'health:healthy': 2, 'health:unhealthy': 1, 'exit:oom': 1, infra: 2 }),
    ).toEqual({
      containersByState: { running: 3, exited: 1 },
      containersByHealth: { healthy: 2, unhealthy: 1 },
      containersByExitReason: { oom: 1 },
      infraCount: 2,
    });
  });

  test('are shown with one count for all unknown states if an earlier version of Muster stored them', () => {
    expect(splitStateCounts({ running: 3, hibernating: 1, other: 2, constructor: 1, 'health:bad': 1 })).toEqual({
      containersByState: { running: 3, other: 5 },
      containersByHealth: {},
      containersByExitReason: {},
      infraCount: 0,
    });
  });

  test('never mistake a state for a health status', () => {
    const container = { health: null, exitCode: null, exit: null, truncated: undefined, isInfra: false };
    const { stateCounts } = totalsOf([
      { ...container, state: 'health:healthy' },
      { ...container, state: 'other' },
      { ...container, state: 'running', health: 'healthy' },
    ]);
    expect(stateCounts).toEqual({ other: 2, running: 1, 'health:healthy': 1 });
  });

  test('do not include the infra containers of pods', () => {
    const container = { state: 'exited', health: null, exitCode: 137, truncated: undefined };
    const totals = totalsOf([
      { ...container, isInfra: true },
      { ...container, isInfra: false },
    ]);
    expect([splitStateCounts(totals.stateCounts).containersByState, totals.failed]).toEqual([{ exited: 1 }, 1]);
  });
});
