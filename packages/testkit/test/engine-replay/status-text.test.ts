import { expect, test } from '@jest/globals';
import { humanDuration, statusText } from '../../src/engine-replay/index.js';

test.each([
  [0.4, 'Less than a second'],
  [1.9, '1 second'],
  [59, '59 seconds'],
  [60, 'About a minute'],
  [120, '2 minutes'],
  [59 * 60 + 59, '59 minutes'],
  [3_600, 'About an hour'],
  [2 * 3_600, '2 hours'],
  [47.4 * 3_600, '47 hours'],
  [3 * 86_400, '3 days'],
  [15 * 86_400, '2 weeks'],
  [70 * 86_400, '2 months'],
  [3 * 365 * 86_400, '3 years'],
])('%d seconds read as an engine writes them', (seconds, text) => {
  expect(humanDuration(seconds)).toBe(text);
});

const facts = { state: 'running', health: null, exitCode: 0, startedAtMs: 0, finishedAtMs: null } as const;

test.each([
  [{ ...facts }, 'Up 5 seconds'],
  [{ ...facts, health: 'starting' as const }, 'Up 5 seconds (health: starting)'],
  [{ ...facts, health: 'unhealthy' as const }, 'Up 5 seconds (unhealthy)'],
  [{ ...facts, state: 'paused', health: 'healthy' as const }, 'Up 5 seconds (Paused)'],
  [{ ...facts, state: 'restarting', exitCode: 7, finishedAtMs: 4_000 }, 'Restarting (7) 1 second ago'],
  [{ ...facts, state: 'exited', exitCode: 137, finishedAtMs: 1_000 }, 'Exited (137) 4 seconds ago'],
  [{ ...facts, state: 'created', startedAtMs: null }, 'Created'],
  [{ ...facts, state: 'dead' }, 'Dead'],
  [{ ...facts, state: 'removing' }, 'Removal In Progress'],
])('%j reads as Docker writes it', (given, text) => {
  expect(statusText(given, 5_000, true)).toBe(text);
});

test('Podman says nothing of health', () => {
  expect(statusText({ ...facts, health: 'healthy' }, 5_000, false)).toBe('Up 5 seconds');
});
