import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Response } from 'express';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { createRefusalDelay } from '../src/http/delay-refusals.js';

describe('refusals for a caller who retries immediately', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const response = () => {
    const releaseSlot = jest.fn();
    const res = new ServerResponse(new IncomingMessage(new Socket())) as Response;
    res.locals = { slot: { release: releaseSlot } } as unknown as Response['locals'];
    return { res, releaseSlot };
  };
  /** Resolves with true if the refusal may be sent now, and with false if it is still delayed. */
  const isSent = async (delay: Promise<void> | null) => {
    if (delay === null) return true;
    return Promise.race([delay.then(() => true), Promise.resolve().then(() => false)]);
  };

  test('are delayed after the first 20 refusals, occupy no slot, and do not delay refusals for other callers', async () => {
    const elapsed = { ms: 0 };
    const delayRefusal = createRefusalDelay(() => elapsed.ms);
    for (let i = 0; i < 20; i++) expect(delayRefusal('a', response().res)).toBeNull();
    const { res, releaseSlot } = response();
    const delay = delayRefusal('a', res);
    expect(releaseSlot).toHaveBeenCalled();
    expect(delayRefusal('b', response().res)).toBeNull();
    jest.advanceTimersByTime(499);
    expect(await isSent(delay)).toBe(false);
    jest.advanceTimersByTime(1);
    await delay;
    elapsed.ms += 100;
    expect(delayRefusal('a', response().res)).toBeNull();
    expect(delayRefusal('a', response().res)).not.toBeNull();
  });

  test('are dropped when their client disconnects, and at most 2,048 of them are delayed at the same time', async () => {
    const delayRefusal = createRefusalDelay(() => 0);
    for (let i = 0; i < 20; i++) await delayRefusal('a', response().res);
    const { res } = response();
    const delay = delayRefusal('a', res);
    res.emit('close');
    await delay;
    const delays = Array.from({ length: 2_048 }, () => delayRefusal('a', response().res));
    expect(delays).not.toContain(null);
    expect(delayRefusal('a', response().res)).toBeNull();
    jest.advanceTimersByTime(500);
    for (const each of delays) await each;
    expect(delayRefusal('a', response().res)).not.toBeNull();
  });
});
