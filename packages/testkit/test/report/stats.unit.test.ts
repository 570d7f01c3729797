import { describe, expect, test } from '@jest/globals';
import { median, pairedRatio, spread } from '../../src/report/stats.js';

describe('over several rounds', () => {
  test('the median is the middle value, or the mean of the two middle values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test('a spread contains the median, minimum and maximum, regardless of the order of the rounds', () => {
    expect(spread([10, 30, 20])).toEqual({ median: 20, min: 10, max: 30 });
  });

  test('the ratio is computed for each round, and the result contains the median of these ratios', () => {
    // The ratio of the medians would be 20 / 10 = 2.
    expect(pairedRatio([10, 20, 90], [10, 40, 9])).toEqual({ median: 1, min: 0.5, max: 10 });
  });

  test('a round in which only one contender has a figure is ignored', () => {
    expect(pairedRatio([10, 20, 30], [5])).toEqual({ median: 2, min: 2, max: 2 });
    expect(pairedRatio([10], [])).toBeNull();
  });
});
