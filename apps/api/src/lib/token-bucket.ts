/** The result of taking a token. */
export interface TakeResult {
  isAllowed: boolean;
  /** The number of whole tokens left. */
  remaining: number;
  /** Milliseconds until a token is available; 0 if a token was taken. */
  retryAfterMs: number;
  /** Milliseconds until the bucket is full. */
  fullInMs: number;
}

export interface TokenBuckets {
  /** Takes a token from the bucket of `key` if one is available. `nowMs` must come from a monotonic clock. */
  take(key: string, nowMs: number): TakeResult;
  /** Returns the milliseconds until the bucket of `key` has a token; 0 if the bucket has a token. Takes no token. */
  waitMs(key: string, nowMs: number): number;
  /**
   * Takes tokens even if the bucket lacks them. The bucket can owe up to `debtMax` tokens, and provides no tokens while
   * it owes any.
   */
  charge(key: string, tokens: number, nowMs: number): void;
  /** The number of stored buckets, at most twice `keysMax`. */
  readonly size: number;
}

export interface TokenBucketOptions {
  /** Tokens added per minute. Must be above 0. */
  perMinute: number;
  /** Tokens in a full bucket, which is the number of requests allowed in a burst after a pause. Must be at least 1. */
  burst: number;
  /** Maximum tokens that a bucket can owe. Default: 0. */
  debtMax?: number;
  /**
   * Maximum number of keys per generation (see `createTokenBuckets`). If a generation has more keys, the older
   * generation is dropped, and its buckets then count as full.
   */
  keysMax?: number;
}

const KEYS_MAX_DEFAULT = 50_000;

/**
 * Creates token buckets. A bucket is stored as one number: the instant at which the bucket is full (generic cell rate
 * algorithm, ITU-T I.371). A full bucket need not be stored. Buckets are therefore kept in two maps, the current and
 * the previous generation. A generation lasts as long as an empty bucket takes to fill, after which the older map is
 * dropped. Neither a sweep nor a timer is needed.
 */
export function createTokenBuckets(options: TokenBucketOptions): TokenBuckets {
  const { perMinute, burst, debtMax = 0, keysMax = KEYS_MAX_DEFAULT } = options;
  const intervalMs = 60_000 / perMinute;
  const fillMs = burst * intervalMs;
  /** Milliseconds that a bucket with the highest debt takes to fill. */
  const fillFromDebtMs = fillMs + debtMax * intervalMs;
  let current = new Map<string, number>();
  let previous = new Map<string, number>();
  let currentSince = -Infinity;

  function rotateGenerations(nowMs: number): void {
    // Buckets last used two generations ago are full by now. After a long pause, all buckets are full.
    previous = nowMs - currentSince < 2 * fillFromDebtMs ? current : new Map<string, number>();
    current = new Map();
    currentSince = nowMs;
  }

  /** Returns the instant at which a bucket is full. */
  function fullAtOf(key: string, nowMs: number): number {
    if (nowMs - currentSince >= fillFromDebtMs || current.size >= keysMax) rotateGenerations(nowMs);
    return Math.max(current.get(key) ?? previous.get(key) ?? nowMs, nowMs);
  }

  return {
    charge(key, tokens, nowMs) {
      const fullAt = fullAtOf(key, nowMs);
      current.set(key, Math.min(fullAt + tokens * intervalMs, nowMs + fillFromDebtMs));
    },
    waitMs: (key, nowMs) => Math.max(0, fullAtOf(key, nowMs) + intervalMs - nowMs - fillMs),
    take(key, nowMs) {
      const fullAt = fullAtOf(key, nowMs);
      const fullAtAfter = fullAt + intervalMs;
      const overMs = fullAtAfter - nowMs - fillMs;
      // The tolerance of a microsecond keeps rounding errors from refusing the last token of a full bucket.
      const isAllowed = overMs <= 0.001;
      if (isAllowed) current.set(key, fullAtAfter);
      const fullInMs = (isAllowed ? fullAtAfter : fullAt) - nowMs;
      return {
        isAllowed,
        remaining: isAllowed ? Math.max(0, Math.floor((fillMs - fullInMs) / intervalMs + 0.001)) : 0,
        retryAfterMs: isAllowed ? 0 : overMs,
        fullInMs,
      };
    },
    get size() {
      return current.size + previous.size;
    },
  };
}
