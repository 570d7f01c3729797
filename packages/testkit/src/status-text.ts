/** The facts that determine a container's status text. Times are in milliseconds on one clock; null means never. */
export interface StatusFacts {
  state: string;
  health: 'healthy' | 'unhealthy' | 'starting' | null;
  exitCode: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
}

/**
 * The text of each state. AGE is replaced by the time since the start or the exit, and CODE by the exit code. States
 * that are not listed have the text of an exited container.
 */
const TEMPLATES: Readonly<Record<string, string>> = {
  running: 'Up AGE',
  paused: 'Up AGE (Paused)',
  restarting: 'Restarting (CODE) AGE ago',
  dead: 'Dead',
  removing: 'Removal In Progress',
  created: 'Created',
};
const HEALTH_TEXTS = { healthy: ' (healthy)', unhealthy: ' (unhealthy)', starting: ' (health: starting)' } as const;

/**
 * Returns Docker's status text at `nowMs`. Podman's text is the same, but without the health (`hasHealth` is false).
 *
 * Source: `State.String` in moby's container/state.go. Tests compare this function's texts with captured lists of both
 * engines.
 */
export function statusText(facts: StatusFacts, nowMs: number, hasHealth = true): string {
  const { state, health, exitCode, startedAtMs, finishedAtMs } = facts;
  const template = TEMPLATES[state] ?? (finishedAtMs === null ? '' : 'Exited (CODE) AGE ago');
  const isUp = state === 'running' || state === 'paused';
  const atMs = (isUp ? startedAtMs : finishedAtMs) ?? nowMs;
  const age = ageText(Math.max(0, nowMs - atMs));
  const healthText = state === 'running' && hasHealth && health !== null ? HEALTH_TEXTS[health] : '';
  return template.replace('AGE', age).replace('CODE', String(exitCode)) + healthText;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * The units of ages. `ms` is the length of the unit, and `untilMs` is the age from which the next longer unit is used.
 * `roundedMs` is added to an age first: hours are rounded to the nearest hour, and days, weeks and months are computed
 * from the rounded hours.
 */
const UNITS = [
  { unit: 'seconds', one: '1 second', ms: SECOND, untilMs: MINUTE, roundedMs: 0 },
  { unit: 'minutes', one: 'About a minute', ms: MINUTE, untilMs: HOUR, roundedMs: 0 },
  { unit: 'hours', one: 'About an hour', ms: HOUR, untilMs: 2 * DAY, roundedMs: HOUR / 2 },
  { unit: 'days', one: '', ms: DAY, untilMs: 14 * DAY, roundedMs: HOUR / 2 },
  { unit: 'weeks', one: '', ms: 7 * DAY, untilMs: 60 * DAY, roundedMs: HOUR / 2 },
  { unit: 'months', one: '', ms: 30 * DAY, untilMs: 730 * DAY, roundedMs: HOUR / 2 },
  { unit: 'years', one: '1 years', ms: 365 * DAY, untilMs: Number.POSITIVE_INFINITY, roundedMs: 0 },
] as const;

/** Returns Docker's text for an age. Source: `HumanDuration` in docker/go-units' duration.go. */
export function ageText(ageMs: number): string {
  if (ageMs < SECOND) return 'Less than a second';
  const { unit, one, ms, roundedMs } = UNITS.find((each) => ageMs + each.roundedMs < each.untilMs)!;
  const count = Math.floor((ageMs + roundedMs) / ms);
  return count === 1 ? one : `${count} ${unit}`;
}
