const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** Formats a number of seconds in the largest possible unit, such as `3d`, `5m` or `12s`. */
export function formatSeconds(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}

const secondsBetween = (from: number, to: number): number => Math.max(0, Math.floor((to - from) / 1000));

/** Formats the age of an instant in the largest possible unit. Returns `-` for null. */
export const formatAge = (instant: string | null, now: Date): string =>
  instant === null ? '-' : formatSeconds(secondsBetween(Date.parse(instant), now.getTime()));

/** Formats an instant as its distance from now, such as `in 23h` or `3d ago`. */
export function formatDistance(instant: string, now: Date): string {
  const [at, nowMs] = [Date.parse(instant), now.getTime()];
  return at > nowMs
    ? `in ${formatSeconds(secondsBetween(nowMs, at))}`
    : `${formatSeconds(secondsBetween(at, nowMs))} ago`;
}
