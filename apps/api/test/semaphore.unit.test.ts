import { describe, expect, test } from '@jest/globals';
import { createSemaphore } from '../src/lib/semaphore.js';

const LONG_MS = 60_000;

/** Records the outcomes of acquisitions, in the order in which the outcomes occur. */
function recordOutcomes() {
  const entries: string[] = [];
  const record = async (name: string, turn: boolean | Promise<boolean>): Promise<void> => {
    if (turn === true) {
      entries.push(`${name} at once`);
      return;
    }
    entries.push((await turn) ? name : `${name} never`);
  };
  return { entries, record };
}

describe('a semaphore', () => {
  test('grants free permits immediately, and released permits by priority and then in order of arrival', async () => {
    const semaphore = createSemaphore({ capacity: 2, waitingMax: 10, waitMsMax: LONG_MS });
    const { entries, record } = recordOutcomes();
    const turns = [
      record('a', semaphore.acquire(1)),
      record('b', semaphore.acquire(1)),
      record('c', semaphore.acquire(1)),
      record('d', semaphore.acquire(1)),
      record('e', semaphore.acquire(1, 'high')),
    ];
    for (let i = 0; i < 3; i++) semaphore.release(1);
    await Promise.all(turns);
    expect(entries).toEqual(['a at once', 'b at once', 'e', 'c', 'd']);
  });

  test('grants at most `highMax` permits with high priority, and the other permits with normal priority', async () => {
    const semaphore = createSemaphore({ capacity: 3, waitingMax: 10, waitMsMax: LONG_MS, highMax: 2 });
    const { entries, record } = recordOutcomes();
    const turns = [
      record('a', semaphore.acquire(1, 'high')),
      record('b', semaphore.acquire(1, 'high')),
      record('c', semaphore.acquire(1, 'high')),
      record('d', semaphore.acquire(1)),
      record('e', semaphore.acquire(1)),
    ];
    expect(entries).toEqual(['a at once', 'b at once', 'd at once']);
    expect(semaphore.promote(1)).toBe(false);
    semaphore.release(1);
    await turns[4];
    expect(entries).toEqual(['a at once', 'b at once', 'd at once', 'e']);
    semaphore.release(1, 'high');
    await turns[2];
    expect(semaphore.acquired).toBe(3);
    semaphore.release(1, 'high');
    expect(semaphore.promote(1)).toBe(true);
    expect(semaphore.acquired).toBe(2);
  });

  test('does not let a request for few permits overtake a waiting request for many permits', async () => {
    const semaphore = createSemaphore({ capacity: 10, waitingMax: 10, waitMsMax: LONG_MS });
    const { entries, record } = recordOutcomes();
    const turns = [
      record('half', semaphore.acquire(5)),
      record('all', semaphore.acquire(10)),
      record('one', semaphore.acquire(1)),
    ];
    expect(entries).toEqual(['half at once']);
    semaphore.release(5);
    await turns[1];
    expect(entries).toEqual(['half at once', 'all']);
    semaphore.release(10);
    await turns[2];
    expect(entries).toEqual(['half at once', 'all', 'one']);
  });

  test('refuses a caller of high priority only after `highWaitMsMax`', async () => {
    const options = { capacity: 1, waitingMax: 1, waitMsMax: 10, highWaitMsMax: LONG_MS };
    const semaphore = createSemaphore(options);
    expect(semaphore.acquire(1)).toBe(true);
    const long = semaphore.acquire(1, 'high');
    await expect(semaphore.acquire(1)).resolves.toBe(false);
    semaphore.release(1);
    await expect(long).resolves.toBe(true);
  });

  test('refuses if the queue is full or the wait is too long, and acquires no permits for a refused request', async () => {
    let refused = 0;
    const options = { capacity: 2, waitingMax: 2, waitMsMax: 20, onRefusal: () => (refused += 1) };
    const semaphore = createSemaphore(options);
    expect(semaphore.acquire(1)).toBe(true);
    const tooMuch = semaphore.acquire(2);
    const enough = semaphore.acquire(1);
    expect(semaphore.acquire(1)).toBe(false);
    await expect(tooMuch).resolves.toBe(false);
    // There were enough permits for this request, but it was queued behind a request for more permits than were free.
    await expect(enough).resolves.toBe(true);
    expect(refused).toBe(2);
    semaphore.release(2);
    expect(semaphore.acquire(2)).toBe(true);
  });
});
