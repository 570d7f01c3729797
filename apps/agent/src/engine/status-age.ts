const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The units of ages in status texts. Engines round hours, and derive days, weeks and months from the rounded hours. */
const UNITS: Readonly<Record<string, { ms: number; roundedMs: number }>> = {
  second: { ms: 1_000, roundedMs: 0 },
  minute: { ms: MINUTE_MS, roundedMs: 0 },
  hour: { ms: HOUR_MS, roundedMs: HOUR_MS / 2 },
  day: { ms: DAY_MS, roundedMs: HOUR_MS / 2 },
  week: { ms: 7 * DAY_MS, roundedMs: HOUR_MS / 2 },
  month: { ms: 30 * DAY_MS, roundedMs: HOUR_MS / 2 },
  year: { ms: 365 * DAY_MS, roundedMs: 0 },
};

/** The least and the greatest age that a status text can mean, in milliseconds. */
interface AgeRange {
  minMs: number;
  maxMs: number;
}

/**
 * Returns the time since a running container started, or since an exited container exited. The engine's status text
 * contains it, as in `Up 2 hours (healthy)` or `Exited (1) 3 days ago`. Returns null if the text has no age. Also
 * returns null for `Less than a second`, which engines write even for a time in the future.
 *
 * Source: `HumanDuration` in docker/go-units' duration.go, which Docker and Podman use.
 */
export function ageRange(status: string): AgeRange | null {
  const match =
    /^(?:Up|(?:Exited|Restarting) \(-?\d+\)) (?:About an?|(\d+)) (second|minute|hour|day|week|month|year)s?\b/.exec(
      status,
    );
  if (match === null) return null;
  const { ms, roundedMs } = UNITS[match[2]!]!;
  // `About a minute` begins at exactly 60 seconds, and `About an hour` at exactly 60 minutes.
  const minMs = match[1] === undefined ? ms : Number(match[1]) * ms - roundedMs;
  return { minMs, maxMs: minMs + ms };
}

/** Returns the least age of `ageRange`, or null. */
export const minAgeMs = (status: string): number | null => ageRange(status)?.minMs ?? null;
