import { describe, expect, test } from '@jest/globals';
import { latency, median, pairedRatio, percentile, spread } from '../../src/report/stats.js';

describe('figures over rounds', () => {
  test('a median is the middle value, and of an even number the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test('a spread tells the median and the ends, whatever the order of the rounds', () => {
    expect(spread([10, 30, 20])).toEqual({ median: 20, min: 10, max: 30 });
  });

  test('a ratio is taken in each round and only then the median of these', () => {
    // The medians' own ratio would be 20 / 10 = 2.
    expect(pairedRatio([10, 20, 90], [10, 40, 9])).toEqual({ median: 1, min: 0.5, max: 10 });
  });

  test('rounds that only one of the two took part in are left out of a ratio', () => {
    expect(pairedRatio([10, 20, 30], [5])).toEqual({ median: 2, min: 2, max: 2 });
    expect(pairedRatio([10], [])).toBeNull();
  });

  test('a percentile is a value that was there, at least so many of which are no larger', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(hundred, 0.95)).toBe(95);
    expect(latency(hundred)).toEqual({ p50: 50, p95: 95, p99: 99, max: 100 });
    expect(latency([7])).toEqual({ p50: 7, p95: 7, p99: 7, max: 7 });
  });
});
