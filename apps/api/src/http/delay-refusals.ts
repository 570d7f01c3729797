import type { Response } from 'express';
import { createTokenBuckets } from '../lib/token-bucket.js';

/**
 * Limits the refusals that one caller gets without delay. The limit is high enough for an agent that ignores
 * Retry-After for a short time.
 */
const IMMEDIATE_REFUSAL_LIMIT = { perMinute: 600, burst: 20 };

const DELAY_MS = 500;

/** Maximum number of refusals that are delayed at a time. A higher limit would spend memory to save CPU time. */
const DELAYED_REFUSALS_MAX = 2_048;

/**
 * Returns a promise that resolves when the refusal should be sent; null if it should be sent now. Without a delay, a
 * caller that retries as soon as it is refused would occupy a CPU core and delay all other calls.
 */
export type DelayRefusal = (key: string, res: Response) => Promise<void> | null;

/** Creates the refusal delay of one process. `elapsedMs` returns the milliseconds of a monotonic clock. */
export function createRefusalDelay(elapsedMs: () => number): DelayRefusal {
  const immediate = createTokenBuckets(IMMEDIATE_REFUSAL_LIMIT);
  let delayed = 0;
  return (key, res) => {
    if (delayed >= DELAYED_REFUSALS_MAX || immediate.take(key, elapsedMs()).isAllowed) return null;
    delayed += 1;
    // The request must not occupy a slot during the delay.
    res.locals.slot?.release();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        res.off('close', end);
        delayed -= 1;
        resolve();
      };
      const timer = setTimeout(end, DELAY_MS);
      res.once('close', end);
    });
  };
}
