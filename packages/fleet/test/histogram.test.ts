import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHistogram } from '../src/simulation/histogram.js';

test('a quantile is at most 2 % above the value that it stands for, and never below it', () => {
  const values = fc.array(fc.double({ min: 0.1, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (ms, q) => {
      const histogram = createHistogram();
      ms.forEach((value) => histogram.record(value));
      const exact = ms.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * ms.length)) - 1]!;
      expect(histogram.quantile(q)).toBeGreaterThanOrEqual(exact * 0.999_999);
      expect(histogram.quantile(q)).toBeLessThanOrEqual(exact * 1.020_001);
      expect(histogram.max).toBe(Math.max(...ms));
      expect(histogram.count).toBe(ms.length);
    }),
  );
});

test('of nothing, every quantile is 0, after clearing too; and no value is too small or too large', () => {
  const histogram = createHistogram();
  expect(histogram.quantile(0.99)).toBe(0);
  histogram.record(0);
  histogram.record(1e12);
  expect(histogram.quantile(0)).toBeLessThanOrEqual(0.05);
  expect(histogram.quantile(1)).toBeGreaterThanOrEqual(86_400_000);
  histogram.clear();
  expect([histogram.count, histogram.max, histogram.quantile(0.5)]).toEqual([0, 0, 0]);
});
