/** What came of a request for a token. */
export interface TokenTaken {
  allowed: boolean;
  /** Whole tokens that are left now. */
  remaining: number;
  /** Milliseconds until a token is there again; 0 where one is. */
  retryAfterMs: number;
  /** Milliseconds until the bucket is full again. */
  fullInMs: number;
}

export interface TokenBuckets {
  /**
   * Takes a token out of the bucket of `key` if one is there. `nowMs` is of a clock that never goes back, whatever its
   * zero is.
   */
  take(key: string, nowMs: number): TokenTaken;
  /** Milliseconds until the bucket of `key` holds a token; 0: it does. Takes nothing. */
  waitMs(key: string, nowMs: number): number;
  /** Takes so many tokens whether they are there or not: a bucket that owes tokens, `debtMax` at most, gives none. */
  charge(key: string, tokens: number, nowMs: number): void;
  /** Buckets that are remembered, twice `keysMax` at most. */
  readonly size: number;
}

export interface TokenBucketOptions {
  /** Tokens that a bucket gains in a minute, above 0. */
  perMinute: number;
  /** Tokens that a full bucket holds, 1 at least: what may come at once after a pause. */
  burst: number;
  /** Tokens that a bucket can owe; 0 by default. */
  debtMax?: number;
  /** Keys of one generation. Beyond it the older half is forgotten, which fills its buckets. */
  keysMax?: number;
}

const KEYS_MAX_DEFAULT = 50_000;

/**
 * A token bucket for each key, one number each: the instant at which it is full again (the generic cell rate algorithm,
 * ITU-T I.371). A bucket that is full is one that nobody needs to remember, so two generations of them suffice, each as
 * long as an empty bucket takes to fill: nothing has to be swept, and no timer runs.
 */
export function createTokenBuckets(options: TokenBucketOptions): TokenBuckets {
  const { perMinute, burst, debtMax = 0, keysMax = KEYS_MAX_DEFAULT } = options;
  const intervalMs = 60_000 / perMinute;
  const fillMs = burst * intervalMs;
  /** What the emptiest bucket takes to be full again. */
  const lifeMs = fillMs + debtMax * intervalMs;
  let current = new Map<string, number>();
  let previous = new Map<string, number>();
  let currentSince = -Infinity;

  function turnGeneration(nowMs: number): void {
    // What was last used two generations ago is full by now; so is what was last used one long pause ago.
    previous = nowMs - currentSince < 2 * lifeMs ? current : new Map<string, number>();
    current = new Map();
    currentSince = nowMs;
  }

  /** The instant at which a bucket is full. */
  function fullAtOf(key: string, nowMs: number): number {
    if (nowMs - currentSince >= lifeMs || current.size >= keysMax) turnGeneration(nowMs);
    return Math.max(current.get(key) ?? previous.get(key) ?? nowMs, nowMs);
  }

  return {
    charge(key, tokens, nowMs) {
      const fullAt = fullAtOf(key, nowMs);
      current.set(key, Math.min(fullAt + tokens * intervalMs, nowMs + lifeMs));
    },
    waitMs: (key, nowMs) => Math.max(0, fullAtOf(key, nowMs) + intervalMs - nowMs - fillMs),
    take(key, nowMs) {
      const fullAt = fullAtOf(key, nowMs);
      const fullAtAfter = fullAt + intervalMs;
      const overMs = fullAtAfter - nowMs - fillMs;
      // A thousandth of a millisecond: sums of fractions must not refuse the last token of a full bucket.
      const allowed = overMs <= 0.001;
      if (allowed) current.set(key, fullAtAfter);
      const fullInMs = (allowed ? fullAtAfter : fullAt) - nowMs;
      return {
        allowed,
        remaining: allowed ? Math.max(0, Math.floor((fillMs - fullInMs) / intervalMs + 0.001)) : 0,
        retryAfterMs: allowed ? 0 : overMs,
        fullInMs,
      };
    },
    get size() {
      return current.size + previous.size;
    },
  };
}
