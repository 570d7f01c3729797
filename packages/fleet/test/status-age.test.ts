import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ageText, statusText, type StatusFacts } from '../src/model/status-age.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test.each([
  [0, 'Less than a second'],
  [SECOND, '1 second'],
  [59 * SECOND, '59 seconds'],
  [MINUTE, 'About a minute'],
  [5 * MINUTE, '5 minutes'],
  [HOUR, 'About an hour'],
  [1.6 * HOUR, '2 hours'],
  [47 * HOUR, '47 hours'],
  [2 * DAY, '2 days'],
  [14 * DAY, '2 weeks'],
  [60 * DAY, '2 months'],
  [2 * 365 * DAY, '2 years'],
])('%d ms are told as "%s"', (ageMs, words) => {
  expect(ageText(ageMs).text).toBe(words);
});

test('an age keeps its words until the moment that it names, and has others from then on', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
      const ageMs = Math.floor((5 * 365 * DAY) ** share);
      const { text, agesAtMs } = ageText(ageMs);
      expect(agesAtMs).toBeGreaterThan(ageMs);
      expect(ageText(agesAtMs - 1).text).toBe(text);
      expect(ageText(agesAtMs).text).not.toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

const facts: StatusFacts = { state: 'running', health: null, exitCode: 137, startedAtMs: 0, finishedAtMs: MINUTE };

test.each<[Partial<StatusFacts>, string]>([
  [{}, 'Up 5 minutes'],
  [{ health: 'healthy' }, 'Up 5 minutes (healthy)'],
  [{ health: 'starting' }, 'Up 5 minutes (health: starting)'],
  [{ state: 'paused' }, 'Up 5 minutes (Paused)'],
  [{ state: 'exited' }, 'Exited (137) 4 minutes ago'],
  [{ state: 'restarting' }, 'Restarting (137) 4 minutes ago'],
])('%j is told as "%s"', (some, text) => {
  expect(statusText({ ...facts, ...some }, 5 * MINUTE).text).toBe(text);
});
