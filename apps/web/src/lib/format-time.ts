const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Formats a duration in one unit, rounded down: `4 min`, `3 h`, `12 d`. Less than a second is `0 s`. */
export function formatDuration(ms: number): string {
  const durationMs = Math.max(0, ms);
  if (durationMs < MINUTE) return `${Math.floor(durationMs / SECOND)} s`;
  if (durationMs < HOUR) return `${Math.floor(durationMs / MINUTE)} min`;
  if (durationMs < 2 * DAY) return `${Math.floor(durationMs / HOUR)} h`;
  return `${Math.floor(durationMs / DAY)} d`;
}

/** Formats the time since `at`: `just now`, `4 min ago`, `in 3 h`. Seconds are rounded down to multiples of 5. */
export function formatAge(at: number, now: number): string {
  const age = now - at;
  if (age < -5 * SECOND) return `in ${formatDuration(-age)}`;
  if (age < 5 * SECOND) return 'just now';
  const roundedAge = age < MINUTE ? Math.floor(age / (5 * SECOND)) * 5 * SECOND : age;
  return `${formatDuration(roundedAge)} ago`;
}

/*
 * Each formatter is created only once. `toLocaleString` would create a new one for each call, which takes 50 times as
 * long as formatting.
 */
const EXACT_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const SHORT_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const DAY_NAME = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** Formats a date and time to the second, in the user's time zone, and adds the name of the time zone. */
export const formatDateTime = (at: Date): string => EXACT_TIME.format(at);

/** Formats a date and time to the minute, in the user's time zone. */
export const formatShortDateTime = (at: Date): string => SHORT_TIME.format(at);

/** Formats a day with its weekday, in the user's time zone. */
export const formatDay = (at: Date): string => DAY_NAME.format(at);
