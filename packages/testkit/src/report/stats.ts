/** A figure that was measured in several rounds. */
export type Spread = ReturnType<typeof spread>;

/** Returns the middle value, or the mean of the two middle values. Returns NaN if there are no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
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
