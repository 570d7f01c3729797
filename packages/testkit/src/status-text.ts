/** What determines a container's status text. Times are in milliseconds on one clock; null if it has not happened. */
export interface StatusFacts {
  state: string;
  health: 'healthy' | 'unhealthy' | 'starting' | null;
  exitCode: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
}

/** A text, and the time at which it changes. Infinity if it never does. */
export interface AgingText {
  text: string;
  agesAtMs: number;
}

/**
 * Returns Docker's status text at `nowMs`. Podman's is the same without health.
 *
 * Source: `State.String` in moby's container/state.go. Tests compare it with captured lists of both engines.
 */
export function statusText(facts: StatusFacts, nowMs: number, hasHealth = true): AgingText {
  const { state, health, exitCode, startedAtMs, finishedAtMs } = facts;
  const since = (eventMs: number | null, toText: (age: string) => string): AgingText => {
    const atMs = eventMs ?? nowMs;
    const { text, agesAtMs } = ageText(Math.max(0, nowMs - atMs));
    return { text: toText(text), agesAtMs: atMs + agesAtMs };
  };
  const constant = (text: string): AgingText => ({ text, agesAtMs: Number.POSITIVE_INFINITY });
  switch (state) {
    case 'running':
      return since(startedAtMs, (age) => `Up ${age}${hasHealth && health !== null ? SUFFIX_BY_HEALTH[health] : ''}`);
    case 'paused':
      return since(startedAtMs, (age) => `Up ${age} (Paused)`);
    case 'restarting':
      return since(finishedAtMs, (age) => `Restarting (${exitCode}) ${age} ago`);
    case 'dead':
      return constant('Dead');
    case 'removing':
      return constant('Removal In Progress');
    case 'created':
      return constant('Created');
    default:
      return finishedAtMs === null ? constant('') : since(finishedAtMs, (age) => `Exited (${exitCode}) ${age} ago`);
  }
}

const SUFFIX_BY_HEALTH = {
  healthy: ' (healthy)',
  unhealthy: ' (unhealthy)',
  starting: ' (health: starting)',
} as const;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const YEAR_HOURS = 365 * 24;

const LONG_UNITS = [
  { unit: 'days', hoursEach: 24, hoursMax: 24 * 14 },
  { unit: 'weeks', hoursEach: 24 * 7, hoursMax: 24 * 30 * 2 },
  { unit: 'months', hoursEach: 24 * 30, hoursMax: 24 * 365 * 2 },
] as const;

/**
 * Returns Docker's text for an age, and the age at which the text changes. Minutes are rounded down, hours are rounded
 * to the nearest, and longer units are counted from the rounded hours.
 *
 * Source: `HumanDuration` in docker/go-units' duration.go.
 */
export function ageText(ageMs: number): AgingText {
  const seconds = Math.floor(ageMs / SECOND);
  if (seconds < 1) return { text: 'Less than a second', agesAtMs: SECOND };
  if (seconds < 60) {
    return { text: seconds === 1 ? '1 second' : `${seconds} seconds`, agesAtMs: (seconds + 1) * SECOND };
  }
  const minutes = Math.floor(ageMs / MINUTE);
  if (minutes < 60) {
    return { text: minutes === 1 ? 'About a minute' : `${minutes} minutes`, agesAtMs: (minutes + 1) * MINUTE };
  }
  const hours = Math.floor(ageMs / HOUR + 0.5);
  if (hours < 48) return { text: hours === 1 ? 'About an hour' : `${hours} hours`, agesAtMs: roundsTo(hours + 1) };
  for (const { unit, hoursEach, hoursMax } of LONG_UNITS) {
    if (hours >= hoursMax) continue;
    const count = Math.floor(hours / hoursEach);
    return { text: `${count} ${unit}`, agesAtMs: roundsTo(Math.min((count + 1) * hoursEach, hoursMax)) };
  }
  const years = Math.floor(ageMs / HOUR / YEAR_HOURS);
  return { text: `${years} years`, agesAtMs: (years + 1) * YEAR_HOURS * HOUR };
}

/** Returns the lowest age that rounds to this number of hours. */
const roundsTo = (hours: number): number => (hours - 0.5) * HOUR;
