import type { Response } from 'express';
import { createTokenBuckets } from '../lib/token-bucket.js';

/** Refusals of one caller that are answered at once: what an agent that ignores Retry-After for a moment gets. */
const IMMEDIATE = { perMinute: 600, burst: 20 };

const DELAY_MS = 500;

/** Refusals that are delayed at a time; beyond it, memory would be the price of the CPU that a delay saves. */
const DELAYED_MAX = 2_048;

/**
 * Resolves when a refusal may be answered; null: at once. Without a delay, a caller who asks again as soon as it is
 * refused takes a core by that alone, and everyone else's calls wait.
 */
export type DelayRefusal = (key: string, res: Response) => Promise<void> | null;

/** Creates the delays of one process. `elapsedMs`: milliseconds of a clock that is never set. */
export function createRefusalDelays(elapsedMs: () => number): DelayRefusal {
  const immediate = createTokenBuckets(IMMEDIATE);
  let delayed = 0;
  return (key, res) => {
    if (delayed >= DELAYED_MAX || immediate.take(key, elapsedMs()).allowed) return null;
    delayed += 1;
    // Others work while this one waits.
    res.locals.work?.leave();
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
