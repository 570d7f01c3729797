import { describe, expect, test } from '@jest/globals';
import { ATTENTION_GAP_SECONDS, isErrorCode, isFailed } from '@muster/contracts';
import { groupTimes } from '../src/services/inventory/attention-times.js';

describe('times of problems', () => {
  test('form one group if they are close together, and the newest group is first', () => {
    const gapMs = ATTENTION_GAP_SECONDS * 1_000;
    const instants = [0, gapMs, 2 * gapMs, 3 * gapMs + 1, 3 * gapMs + 1];
    const at = (ms: number) => new Date(ms).toISOString();
    expect(groupTimes(instants.reverse())).toEqual([
      { since: at(3 * gapMs + 1), until: at(3 * gapMs + 1), total: 2 },
      { since: at(0), until: at(2 * gapMs), total: 3 },
    ]);
    expect(groupTimes([])).toEqual([]);
  });
});

describe('an exit code', () => {
  test.each([
    [null, false],
    [0, false],
    [130, false],
    [143, false],
    [3_221_225_786, false],
    [1, true],
    [-1, true],
    [137, true],
    [3_221_225_477, true],
  ])('of %s is an error: %s', (exitCode, isError) => {
    expect(isErrorCode(exitCode)).toBe(isError);
    expect(isFailed({ state: 'exited', exitCode })).toBe(isError);
    expect(isFailed({ state: 'restarting', exitCode })).toBe(false);
  });
});
