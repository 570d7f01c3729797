import type { Response } from 'express';
import { createTokenBuckets } from '../lib/token-bucket.js';

/** Refusals of one caller that are answered at once, for agents that ignore Retry-After only briefly. */
const IMMEDIATE = { perMinute: 600, burst: 20 };

const DELAY_MS = 500;

/** Refusals delayed at a time. A higher limit would spend memory to save CPU time. */
const DELAYED_MAX = 2_048;

/**
 * Resolves when a refusal may be answered; null: now. Without a delay, a caller that retries as soon as it is refused
 * occupies a CPU core and delays everyone else's calls.
 */
export type DelayRefusal = (key: string, res: Response) => Promise<void> | null;

/** Creates the delays of one process. `elapsedMs`: milliseconds of a monotonic clock. */
export function createRefusalDelay(elapsedMs: () => number): DelayRefusal {
  const immediate = createTokenBuckets(IMMEDIATE);
  let delayed = 0;
  return (key, res) => {
    if (delayed >= DELAYED_MAX || immediate.take(key, elapsedMs()).allowed) return null;
    delayed += 1;
    // Frees the request slot during the delay.
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
