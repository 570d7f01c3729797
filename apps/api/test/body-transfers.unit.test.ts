import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OverloadedError, RateLimitedError, RequestTimeoutError } from '../src/errors.js';
import { createByteBudget } from '../src/lib/byte-budget.js';
import { createBodyTransfers, type TransferPeer } from '../src/http/body-transfers.js';
import { RequestAbortedError } from '../src/http/request-aborted.js';
import { RequestSlot } from '../src/http/request-slot.js';
import { createSemaphore } from '../src/lib/semaphore.js';

const KIB = 1_024;

describe('bodies in transfer', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const budgetOf = (capacity: number) =>
    createByteBudget({ capacity, holderBytesMax: capacity / 2, waitMsMax: 60_000 });
  const host = (id: string): TransferPeer => ({ kind: 'host', id });

  /** Receives a body at a constant rate. Returns the second in which it was aborted, or null if it never was. */
  async function secondsUntilAborted(bytesPerSecond: number, seconds: number): Promise<number | null> {
    const transfers = createBodyTransfers();
    const holder = budgetOf(1_000 * KIB).createHolder(500 * KIB);
    const transfer = await transfers.begin({ peer: host('a'), address: '192.0.2.1', holder });
    let error: unknown;
    transfer.onAborted = (reason) => (error = reason);
    for (let second = 1; second <= seconds; second++) {
      transfer.addBytes(bytesPerSecond);
      jest.advanceTimersByTime(1_000);
      if (error !== undefined) {
        expect(error).toBeInstanceOf(RequestTimeoutError);
        transfer.end();
        return second;
      }
    }
    transfer.end();
    return null;
  }

  test('are aborted after five seconds if they arrive at less than 1 KiB per second', async () => {
    expect(await secondsUntilAborted(KIB - 1, 60)).toBe(6);
    expect(await secondsUntilAborted(KIB, 60)).toBeNull();
    expect(await secondsUntilAborted(0, 5)).toBeNull();
  });

  const address = (i: number) => `192.0.2.${i % 250}`;
  test.each<{ whose: string; max: number; of: (i: number) => { peer: TransferPeer | null; address: string } }>([
    { whose: 'a host', max: 1, of: (i) => ({ peer: host('a'), address: address(i) }) },
    {
      whose: 'an enrollment token',
      max: 32,
      of: (i) => ({ peer: { kind: 'enrollment', id: 'e' }, address: address(i) }),
    },
    { whose: 'an operator', max: 8, of: (i) => ({ peer: { kind: 'operator', id: 'o' }, address: address(i) }) },
    { whose: 'an address', max: 512, of: (i) => ({ peer: host(`h${i}`), address: '192.0.2.1' }) },
    { whose: 'an address without credentials', max: 8, of: () => ({ peer: null, address: '192.0.2.1' }) },
  ])('of $whose are limited to $max: further bodies wait, and are refused after two seconds', async ({ max, of }) => {
    const transfers = createBodyTransfers();
    const begin = (i: number) => transfers.begin({ ...of(i), holder: budgetOf(KIB).createHolder(1) });
    const begun = [];
    for (let i = 0; i < max; i++) begun.push(await begin(i));
    const waiting = begin(max);
    const refused = expect(begin(max + 1)).rejects.toBeInstanceOf(RateLimitedError);
    begun.shift()!.end();
    begun.push(await waiting);
    await jest.advanceTimersByTimeAsync(2_000);
    await refused;
    expect(transfers.size).toBe(max);
    for (const transfer of begun) transfer.end();
    expect(transfers.size).toBe(0);
  });

  test('are not considered slow while they wait for memory', async () => {
    const transfers = createBodyTransfers();
    const transfer = await transfers.begin({
      peer: null,
      address: '192.0.2.1',
      holder: budgetOf(KIB).createHolder(512),
    });
    let error: unknown;
    transfer.onAborted = (reason) => (error = reason);
    transfer.setPaused(true);
    jest.advanceTimersByTime(60_000);
    transfer.setPaused(false);
    jest.advanceTimersByTime(4_000);
    expect(error).toBeUndefined();
  });

  test('are aborted if they are slow and hold much memory while other bodies wait for memory', async () => {
    const transfers = createBodyTransfers();
    const budget = budgetOf(1_000 * KIB);
    const begin = async (id: string) => {
      const holder = budget.createHolder(500 * KIB);
      const transfer = await transfers.begin({ peer: host(id), address: '192.0.2.1', holder });
      const body = { holder, transfer, error: undefined as unknown };
      transfer.onAborted = (reason) => (body.error = reason);
      return body;
    };
    const [slow, quick, small] = [await begin('slow'), await begin('quick'), await begin('small')];
    expect([slow.holder.acquire(300 * KIB), quick.holder.acquire(150 * KIB), small.holder.acquire(KIB)]).toEqual([
      true,
      true,
      true,
    ]);
    const passSecond = () => {
      for (const { transfer } of [slow, small]) transfer.addBytes(2 * KIB);
      quick.transfer.addBytes(100 * KIB);
      jest.advanceTimersByTime(1_000);
    };
    for (let i = 0; i < 4; i++) passSecond();
    expect([slow.error, quick.error, small.error]).toEqual([undefined, undefined, undefined]);
    const largeHolder = budget.createHolder(500 * KIB);
    expect(largeHolder.acquire(400 * KIB)).toBe(true);
    void budget.createHolder(500 * KIB).acquire(400 * KIB);
    passSecond();
    expect(slow.error).toBeInstanceOf(OverloadedError);
    expect([quick.error, small.error]).toEqual([undefined, undefined]);
  });
});

describe('an ended request', () => {
  const setUpSlot = () => {
    const requests = createSemaphore({ capacity: 1, waitingMax: 1, waitMsMax: 60_000 });
    const budget = createByteBudget({ capacity: 10, holderBytesMax: 5, waitMsMax: 60_000 });
    expect(requests.acquire(1)).toBe(true);
    const bytes = budget.createHolder(5);
    const slot = new RequestSlot({
      requests,
      bytes,
      transfers: createBodyTransfers(),
      isAnonymous: false,
      isClientConnected: () => true,
    });
    return { requests, budget, slot };
  };

  test('cannot acquire a slot again, because it would never release that slot', async () => {
    const { requests, slot } = setUpSlot();
    slot.release();
    slot.end();
    await expect(slot.acquire()).rejects.toThrow(RequestAbortedError);
    expect(requests.acquire(1)).toBe(true);
  });

  test('stops waiting for a slot or for bytes, and holds no slot and no bytes', async () => {
    const { requests, budget, slot } = setUpSlot();
    slot.release();
    expect(requests.acquire(1)).toBe(true);
    const other = budget.createHolder(5);
    const [slotWait, bytesWait] = [slot.acquire(), (other.acquire(5), other.acquire(5), slot.reserveBytes(1))];
    slot.end();
    requests.release(1);
    other.release();
    await expect(slotWait).rejects.toThrow(RequestAbortedError);
    await expect(bytesWait).rejects.toThrow(RequestAbortedError);
    expect(requests.acquire(1)).toBe(true);
    expect(budget.heldBytes).toBe(0);
  });

  test('cannot reserve bytes', async () => {
    const { budget, slot } = setUpSlot();
    slot.end();
    await expect(slot.reserveBytes(1)).rejects.toThrow();
    expect(budget.heldBytes).toBe(0);
  });
});
