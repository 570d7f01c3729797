import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createByteBudget } from '../src/lib/byte-budget.js';

const LONG_MS = 60_000;

describe('a byte budget', () => {
  test('counts bytes that have arrived, not bytes that could still arrive', () => {
    const budget = createByteBudget({ capacity: 100, holderBytesMax: 50, waitMsMax: LONG_MS });
    const holders = Array.from({ length: 10 }, () => budget.createHolder(50));
    expect(holders.map((holder) => holder.acquire(5))).toEqual(Array(10).fill(true));
    expect(budget.heldBytes).toBe(50);
    for (const holder of holders) holder.release();
    expect(budget.heldBytes).toBe(0);
  });

  test('reserves room for the holder that has waited longest, so that this holder can finish', async () => {
    const budget = createByteBudget({ capacity: 100, holderBytesMax: 50, waitMsMax: LONG_MS });
    const [first, second, third] = [budget.createHolder(50), budget.createHolder(50), budget.createHolder(50)];
    expect([first.acquire(25), second.acquire(25)]).toEqual([true, true]);
    expect(first.acquire(25)).toBe(true);
    const later = second.acquire(25);
    const last = third.acquire(25);
    expect(third.isScarce).toBe(true);
    first.release();
    await expect(later).resolves.toBe(true);
    second.release();
    await expect(last).resolves.toBe(true);
    expect(budget.heldBytes).toBe(25);
  });

  test('refuses an acquisition after the maximum wait, and reports the refusal', async () => {
    let refused = 0;
    const budget = createByteBudget({
      capacity: 10,
      holderBytesMax: 10,
      waitMsMax: 10,
      onRefusal: () => (refused += 1),
    });
    const [holding, waiting] = [budget.createHolder(10), budget.createHolder(10)];
    expect(holding.acquire(10)).toBe(true);
    await expect(waiting.acquire(1)).resolves.toBe(false);
    expect(refused).toBe(1);
    holding.release();
    expect(waiting.acquire(10)).toBe(true);
  });

  test('is never exceeded, and every holder gets all bytes that it needs, in any interleaving of acquisitions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }), { maxLength: 20 }),
        fc.integer({ min: 100, max: 300 }),
        async (needs, capacity) => {
          const budget = createByteBudget({ capacity, holderBytesMax: 100, waitMsMax: LONG_MS });
          const all = needs.map(async (pieces) => {
            const holder = budget.createHolder(100);
            for (const piece of pieces) {
              if (!(await holder.acquire(piece))) return false;
              if (budget.heldBytes > capacity) return false;
            }
            holder.complete();
            await Promise.resolve();
            holder.release();
            return true;
          });
          expect(await Promise.all(all)).toEqual(needs.map(() => true));
          expect(budget.heldBytes).toBe(0);
        },
      ),
    );
  });
});
