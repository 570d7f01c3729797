/** A figure that was measured in several rounds. */
export type Spread = ReturnType<typeof spread>;

/** Latencies in milliseconds. */
export type Latency = ReturnType<typeof latency>;

const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);

/** Returns the middle value, or the mean of the two middle values. Returns NaN if there are no values. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}

export const spread = (values: readonly number[]) => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/**
 * For each round, divides the figure of one contender by the figure of the other, and returns the spread of these
 * ratios. The ratio is taken per round, because a disturbance of a round affects both figures. Rounds in which a
 * contender has no figure are left out. Returns null if no rounds remain.
 */
export function pairedRatio(ours: readonly (number | null)[], theirs: readonly (number | null)[]): Spread | null {
  const ratios = ours.flatMap((value, round) => {
    const other = theirs[round] ?? null;
    return value === null || other === null ? [] : [value / other];
  });
  return ratios.length === 0 ? null : spread(ratios);
}

/** Returns nearest-rank percentiles: p95 is the smallest value that is at least as large as 95 % of all values. */
export function latency(values: readonly number[]) {
  const sorted = ascending(values);
  const at = (share: number) => sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
