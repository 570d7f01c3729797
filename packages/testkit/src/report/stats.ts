/** A figure over several rounds: the median, and how far the rounds lie apart. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Latencies in milliseconds. */
export interface Latency {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);

/** The middle value, or the mean of the two middle ones; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? sorted[Math.floor(middle)]!
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** The smallest value that at least `fraction` of the values do not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], fraction: number): number {
  const rank = Math.max(1, Math.ceil(fraction * values.length));
  return ascending(values)[rank - 1] ?? NaN;
}

export const spread = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/**
 * How much more one contender did than another, round by round: what disturbed a round disturbed both. Rounds that one
 * of them sat out are left out; null where no round had both.
 */
export function pairedRatio(ours: readonly (number | null)[], theirs: readonly (number | null)[]): Spread | null {
  const ratios = ours.flatMap((value, round) => {
    const other = theirs[round] ?? null;
    return value === null || other === null ? [] : [value / other];
  });
  return ratios.length === 0 ? null : spread(ratios);
}

export const latency = (values: readonly number[]): Latency => {
  const sorted = ascending(values);
  const at = (fraction: number) => sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
};
