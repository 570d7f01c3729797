/** Counts of milliseconds by size, from which quantiles are told without keeping a single value. */
export interface Histogram {
  record(ms: number): void;
  readonly count: number;
  readonly max: number;
  /** The value that the share `q` (0 to 1) of all stays at or below, at most 2 % too high; 0 where there is none. */
  quantile(q: number): number;
  clear(): void;
}

/** Each bucket reaches 2 % further than the one before. */
const GROWTH = Math.log(1.02);

/** Shorter than this is not told apart, and longer than the last bucket (a day) neither. */
const SMALLEST_MS = 0.05;
const BUCKETS = Math.ceil(Math.log(86_400_000 / SMALLEST_MS) / GROWTH) + 1;

/** A histogram without counts. */
export function createHistogram(): Histogram {
  const counts = new Uint32Array(BUCKETS);
  let count = 0;
  let max = 0;
  return {
    record(ms) {
      const bucket = ms <= SMALLEST_MS ? 0 : Math.ceil(Math.log(ms / SMALLEST_MS) / GROWTH);
      counts[Math.min(bucket, BUCKETS - 1)]! += 1;
      count += 1;
      max = Math.max(max, ms);
    },
    get count() {
      return count;
    },
    get max() {
      return max;
    },
    quantile(q) {
      let left = Math.max(1, Math.ceil(q * count));
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        left -= counts[bucket]!;
        if (left <= 0) return Math.min(max, SMALLEST_MS * Math.exp(bucket * GROWTH));
      }
      return 0;
    },
    clear() {
      counts.fill(0);
      count = 0;
      max = 0;
    },
  };
}
