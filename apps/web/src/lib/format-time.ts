const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long that is, in one unit, rounded down: `4 min`, `3 h`, `12 d`. Below a second is `0 s`. */
export function duration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)} h`;
  return `${Math.floor(span / DAY)} d`;
}

/** How long ago, seen from `now`: `just now`, `4 min ago`, `in 3 h`. Seconds are told by fives, lest they flicker. */
export function ago(at: number, now: number): string {
  const age = now - at;
  if (age < -5 * SECOND) return `in ${duration(-age)}`;
  if (age < 5 * SECOND) return 'just now';
  const told = age < MINUTE ? Math.floor(age / (5 * SECOND)) * 5 * SECOND : age;
  return `${duration(told)} ago`;
}

/** Made once: `toLocaleString` makes one at each call, which costs fifty times what the telling does. */
const EXACTLY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/** The exact moment in the reader's own time zone, to the second, with the zone. */
export const exactly = (at: Date): string => EXACTLY.format(at);
