import { describe, expect, test } from '@jest/globals';
import { createKeyedSemaphore } from '../src/lib/keyed-semaphore.js';

describe('a keyed semaphore', () => {
  test('limits each key separately, and gives a released permit to the caller that has waited longest', async () => {
    const semaphore = createKeyedSemaphore({ permits: 1, waitingMax: 2, waitMsMax: 60_000 });
    expect([semaphore.acquire('a'), semaphore.acquire('b')]).toEqual([true, true]);
    const order: string[] = [];
    const second = Promise.resolve(semaphore.acquire('a')).then(() => order.push('second'));
    const third = Promise.resolve(semaphore.acquire('a')).then(() => order.push('third'));
    expect(semaphore.acquire('a')).toBe(false);
    semaphore.release('a');
    await second;
    semaphore.release('a');
    await third;
    expect(order).toEqual(['second', 'third']);
    semaphore.release('a');
    semaphore.release('b');
    expect(semaphore.size).toBe(0);
  });

  test('refuses a caller that has waited for the maximum time, and acquires no permit for that caller', async () => {
    const semaphore = createKeyedSemaphore({ permits: 1, waitingMax: 2, waitMsMax: 10 });
    expect(semaphore.acquire('a')).toBe(true);
    await expect(semaphore.acquire('a')).resolves.toBe(false);
    semaphore.release('a');
    expect(semaphore.size).toBe(0);
  });
});
