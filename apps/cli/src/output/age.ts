const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** Formats the age of an instant in the largest possible unit, such as `3d`, `5m` or `12s`. Returns `-` for null. */
export function formatAge(instant: string | null, now: Date): string {
  if (instant === null) return '-';
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(instant)) / 1000));
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}
