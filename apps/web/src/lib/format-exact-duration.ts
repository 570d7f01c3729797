const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** Formats a duration in two units, rounded down: `4 h 24 min`, `2 d`, `5 min 10 s`. Less than a second is `0 s`. */
export function formatExactDuration(ms: number): string {
  // Two clocks differ by some milliseconds, so an hour may appear as a millisecond less.
  const durationMs = Math.round(Math.max(0, ms) / 1_000) * 1_000;
  const first = Math.max(
    0,
    UNITS.findIndex(([size]) => durationMs >= size),
  );
  const [[size, name], second] = [UNITS[first]!, UNITS[first + 1]];
  const rest = second === undefined ? 0 : Math.floor((durationMs % size) / second[0]);
  const main = `${Math.floor(durationMs / size)} ${name}`;
  return durationMs === 0 ? '0 s' : rest === 0 ? main : `${main} ${rest} ${second![1]}`;
}
