import type { Health } from '@muster/contracts';

/** What decides a container's status text. Times are milliseconds of the simulation. */
export interface StatusFacts {
  state: 'running' | 'exited' | 'paused' | 'restarting';
  health: Health | null;
  exitCode: number;
  startedAtMs: number;
  finishedAtMs: number;
}

/** A text, and the moment from which on it is another. */
export interface AgingText {
  text: string;
  agesAtMs: number;
}

/** The status text that Docker writes at `nowMs`. Source: `State.String` in moby's container/state.go. */
export function statusText(facts: StatusFacts, nowMs: number): AgingText {
  const isUp = facts.state === 'running' || facts.state === 'paused';
  const sinceMs = isUp ? facts.startedAtMs : facts.finishedAtMs;
  const { text: age, agesAtMs } = ageText(Math.max(0, nowMs - sinceMs));
  return { text: phrase(facts, age), agesAtMs: sinceMs + agesAtMs };
}

function phrase({ state, health, exitCode }: StatusFacts, age: string): string {
  switch (state) {
    case 'running':
      return `Up ${age}${health === null ? '' : SUFFIX_BY_HEALTH[health]}`;
    case 'paused':
      return `Up ${age} (Paused)`;
    case 'restarting':
      return `Restarting (${exitCode}) ${age} ago`;
    case 'exited':
      return `Exited (${exitCode}) ${age} ago`;
  }
}

const SUFFIX_BY_HEALTH: Readonly<Record<Health, string>> = {
  healthy: ' (healthy)',
  unhealthy: ' (unhealthy)',
  starting: ' (health: starting)',
};

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * An age in Docker's words, and the age from which on the words are others. Minutes are whole ones, hours are rounded
 * to the nearest, and days and more are counted from those rounded hours.
 *
 * Source: `HumanDuration` in docker/go-units' duration.go.
 */
export function ageText(ageMs: number): AgingText {
  const seconds = Math.floor(ageMs / SECOND);
  if (seconds < 1) return { text: 'Less than a second', agesAtMs: SECOND };
  if (seconds < 60)
    return { text: seconds === 1 ? '1 second' : `${seconds} seconds`, agesAtMs: (seconds + 1) * SECOND };
  const minutes = Math.floor(ageMs / MINUTE);
  if (minutes < 60) {
    return { text: minutes === 1 ? 'About a minute' : `${minutes} minutes`, agesAtMs: (minutes + 1) * MINUTE };
  }
  const hours = Math.floor(ageMs / HOUR + 0.5);
  if (hours < 48) return { text: hours === 1 ? 'About an hour' : `${hours} hours`, agesAtMs: agesAtHours(hours + 1) };
  for (const { unit, hoursEach, hoursMax } of LONG_UNITS) {
    if (hours >= hoursMax) continue;
    const count = Math.floor(hours / hoursEach);
    return { text: `${count} ${unit}`, agesAtMs: agesAtHours(Math.min((count + 1) * hoursEach, hoursMax)) };
  }
  const years = Math.floor(ageMs / HOUR / YEAR_HOURS);
  return { text: `${years} years`, agesAtMs: (years + 1) * YEAR_HOURS * HOUR };
}

const YEAR_HOURS = 365 * 24;

const LONG_UNITS = [
  { unit: 'days', hoursEach: 24, hoursMax: 24 * 14 },
  { unit: 'weeks', hoursEach: 24 * 7, hoursMax: 24 * 30 * 2 },
  { unit: 'months', hoursEach: 24 * 30, hoursMax: 24 * 365 * 2 },
] as const;

/** The age at which so many hours are the nearest. */
const agesAtHours = (hours: number): number => (hours - 0.5) * HOUR;
