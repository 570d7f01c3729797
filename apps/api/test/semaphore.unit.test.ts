import { describe, expect, test } from '@jest/globals';
import { createSemaphore } from '../src/lib/semaphore.js';

const LONG_MS = 60_000;

/** Records the outcome of each acquisition, in the order in which they are settled. */
function journal() {
  const entries: string[] = [];
  const note = async (name: string, turn: boolean | Promise<boolean>): Promise<void> => {
    if (turn === true) {
      entries.push(`${name} at once`);
      return;
    }
    entries.push((await turn) ? name : `${name} never`);
  };
  return { entries, note };
}

describe('a semaphore', () => {
  test('grants free permits at once, then in order of arrival, with `first` waiters ahead', async () => {
    const allowance = createSemaphore({ capacity: 2, waitingMax: 10, waitMsMax: LONG_MS });
    const { entries, note } = journal();
    const turns = [
      note('a', allowance.acquire(1)),
      note('b', allowance.acquire(1)),
      note('c', allowance.acquire(1)),
      note('d', allowance.acquire(1)),
      note('e', allowance.acquire(1, 'first')),
    ];
    for (let i = 0; i < 3; i++) allowance.release(1);
    await Promise.all(turns);
    expect(entries).toEqual(['a at once', 'b at once', 'e', 'c', 'd']);
  });

  test('does not let a request for few permits overtake a waiting request for many', async () => {
    const allowance = createSemaphore({ capacity: 10, waitingMax: 10, waitMsMax: LONG_MS });
    const { entries, note } = journal();
    const turns = [
      note('half', allowance.acquire(5)),
      note('all', allowance.acquire(10)),
      note('one', allowance.acquire(1)),
    ];
    expect(entries).toEqual(['half at once']);
    allowance.release(5);
    await turns[1];
    expect(entries).toEqual(['half at once', 'all']);
    allowance.release(10);
    await turns[2];
    expect(entries).toEqual(['half at once', 'all', 'one']);
  });

  test('refuses if the queue is full or the wait is too long, and acquires no permits for a refused request', async () => {
    let refused = 0;
    const options = { capacity: 2, waitingMax: 2, waitMsMax: 20, onRefusal: () => (refused += 1) };
    const allowance = createSemaphore(options);
    expect(allowance.acquire(1)).toBe(true);
    const tooMuch = allowance.acquire(2);
    const enough = allowance.acquire(1);
    expect(allowance.acquire(1)).toBe(false);
    await expect(tooMuch).resolves.toBe(false);
    // It was queued behind a request for more permits than were free.
    await expect(enough).resolves.toBe(true);
    expect(refused).toBe(2);
    allowance.release(2);
    expect(allowance.acquire(2)).toBe(true);
  });
});
