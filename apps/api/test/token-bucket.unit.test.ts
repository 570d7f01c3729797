import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createTokenBuckets } from '../src/lib/token-bucket.js';

describe('a token bucket', () => {
  test('grants its burst immediately, and then each token when it has been refilled', () => {
    const buckets = createTokenBuckets({ perMinute: 600, burst: 60 });
    const taken = Array.from({ length: 61 }, () => buckets.take('a', 0));
    expect(taken.map(({ isAllowed }) => isAllowed)).toEqual([...Array<boolean>(60).fill(true), false]);
    expect(taken[0]).toMatchObject({ remaining: 59, retryAfterMs: 0, fullInMs: 100 });
    expect(taken[59]).toMatchObject({ remaining: 0, fullInMs: 6000 });
    expect(taken[60]!.retryAfterMs).toBeCloseTo(100);
    expect(buckets.take('a', 99).isAllowed).toBe(false);
    expect(buckets.take('a', 100).isAllowed).toBe(true);
    expect(buckets.take('a', 100).isAllowed).toBe(false);
  });

  test('of one key is never emptied by another key', () => {
    const buckets = createTokenBuckets({ perMinute: 60, burst: 1 });
    for (let i = 0; i < 100; i++) buckets.take('noisy', i);
    expect(buckets.take('quiet', 100)).toMatchObject({ isAllowed: true });
  });

  test('is full again after a pause, and never holds more than its burst', () => {
    const buckets = createTokenBuckets({ perMinute: 60, burst: 3 });
    const burstAt = (nowMs: number) => Array.from({ length: 5 }, () => buckets.take('a', nowMs).isAllowed);
    expect(burstAt(0)).toEqual([true, true, true, false, false]);
    expect(burstAt(3_600_000)).toEqual([true, true, true, false, false]);
  });

  test('admits what its rate and burst allow after any pauses, and takes no token for a refused call', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 300 });
    fc.assert(
      fc.property(
        pauses,
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 20 }),
        (gaps, perMinute, burst) => {
          const buckets = createTokenBuckets({ perMinute, burst });
          // A reference implementation: tokens are refilled over time, up to the burst.
          let tokens = burst;
          let nowMs = 0;
          for (const gap of gaps) {
            nowMs += gap;
            tokens = Math.min(burst, tokens + (gap * perMinute) / 60_000);
            const { isAllowed, retryAfterMs } = buckets.take('a', nowMs);
            if (Math.abs(tokens - 1) > 1e-3) expect(isAllowed).toBe(tokens >= 1);
            if (isAllowed) tokens -= 1;
            else expect(retryAfterMs).toBeCloseTo(((1 - tokens) * 60_000) / perMinute, 0);
          }
        },
      ),
    );
  });

  test('admits nothing while it is in debt, and its debt is limited', () => {
    const buckets = createTokenBuckets({ perMinute: 60, burst: 10, debtMax: 20 });
    buckets.charge('a', 15, 0);
    expect(buckets.take('a', 0)).toMatchObject({ isAllowed: false, remaining: 0, retryAfterMs: 6_000 });
    expect(buckets.take('a', 5_999).isAllowed).toBe(false);
    expect(buckets.take('a', 6_000).isAllowed).toBe(true);
    buckets.charge('a', 1_000, 6_000);
    expect(buckets.take('a', 6_000).retryAfterMs).toBe(21_000);
    expect(buckets.take('b', 6_000).isAllowed).toBe(true);
  });

  test('uses no memory once it is full, and the memory for a flood of keys is limited', () => {
    const buckets = createTokenBuckets({ perMinute: 600, burst: 60, keysMax: 100 });
    for (let i = 0; i < 10_000; i++) buckets.take(`key ${i}`, 0);
    expect(buckets.size).toBeLessThanOrEqual(200);
    buckets.take('a', 12_000);
    expect(buckets.size).toBe(1);
  });
});
