import { expect, test } from '@jest/globals';
import { ageText, statusText, type StatusFacts } from '../src/status-text.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test.each([
  [0, 'Less than a second'],
  [0.4 * SECOND, 'Less than a second'],
  [SECOND, '1 second'],
  [1.9 * SECOND, '1 second'],
  [59 * SECOND, '59 seconds'],
  [MINUTE, 'About a minute'],
  [2 * MINUTE, '2 minutes'],
  [5 * MINUTE, '5 minutes'],
  [59 * MINUTE + 59 * SECOND, '59 minutes'],
  [HOUR, 'About an hour'],
  [1.6 * HOUR, '2 hours'],
  [2 * HOUR, '2 hours'],
  [47 * HOUR, '47 hours'],
  [47.4 * HOUR, '47 hours'],
  [2 * DAY, '2 days'],
  [3 * DAY, '3 days'],
  [14 * DAY, '2 weeks'],
  [15 * DAY, '2 weeks'],
  [60 * DAY, '2 months'],
  [70 * DAY, '2 months'],
  [2 * 365 * DAY, '2 years'],
  [3 * 365 * DAY, '3 years'],
])('an age of %d ms is written as "%s"', (ageMs, text) => {
  expect(ageText(ageMs)).toBe(text);
});

const facts: StatusFacts = { state: 'running', health: null, exitCode: 137, startedAtMs: 0, finishedAtMs: MINUTE };

test.each<[Partial<StatusFacts>, string]>([
  [{}, 'Up 5 minutes'],
  [{ health: 'healthy' }, 'Up 5 minutes (healthy)'],
  [{ health: 'unhealthy' }, 'Up 5 minutes (unhealthy)'],
  [{ health: 'starting' }, 'Up 5 minutes (health: starting)'],
  [{ state: 'paused', health: 'healthy' }, 'Up 5 minutes (Paused)'],
  [{ state: 'exited' }, 'Exited (137) 4 minutes ago'],
  [{ state: 'exited', finishedAtMs: 4 * MINUTE + 59 * SECOND }, 'Exited (137) 1 second ago'],
  [{ state: 'restarting' }, 'Restarting (137) 4 minutes ago'],
  [{ state: 'restarting', exitCode: 7, finishedAtMs: 5 * MINUTE - SECOND }, 'Restarting (7) 1 second ago'],
  [{ state: 'created', startedAtMs: null }, 'Created'],
  [{ state: 'dead' }, 'Dead'],
  [{ state: 'removing' }, 'Removal In Progress'],
])("Docker's status of a container with %j is '%s'", (some, text) => {
  expect(statusText({ ...facts, ...some }, 5 * MINUTE)).toBe(text);
});

test("Podman's status does not contain the health", () => {
  expect(statusText({ ...facts, health: 'healthy' }, 5 * MINUTE, false)).toBe('Up 5 minutes');
});
