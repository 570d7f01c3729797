import { describe, expect, test } from '@jest/globals';
import { loadCapture, type CapturedEngine } from '@muster/testkit/engine-replay';
import { ageText } from '@muster/testkit/status-text';
import fc from 'fast-check';
import { ageRange, minAgeMs } from '../src/engine/status-age.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

test.each([
  ['Up 1 second', SECOND],
  ['Up 59 seconds (health: starting)', 59 * SECOND],
  ['Up About a minute (Paused)', 60 * SECOND],
  ['Up 59 minutes (healthy)', 59 * 60 * SECOND],
  ['Restarting (1) 3 seconds ago', 3 * SECOND],
  ['Exited (137) About an hour ago', HOUR],
  ['Exited (-1) 47 hours ago', 46.5 * HOUR],
  ['Exited (3221225786) 2 days ago', 47.5 * HOUR],
  ['Up 2 weeks', 14 * DAY - HOUR / 2],
  ['Up 2 months', 60 * DAY - HOUR / 2],
  ['Exited (255) 292 years ago', 292 * 365 * DAY],
])('the age in %j is at least %d ms', (status, ms) => {
  expect(minAgeMs(status)).toBe(ms);
});

test.each([
  ['Up Less than a second'],
  ['Created'],
  ['Dead'],
  ['Removal In Progress'],
  [''],
  ['Up'],
  ['up 2 hours'],
  ['Up 2 fortnights'],
  ['Exited (1)'],
  ['Exited () 2 hours ago'],
])('%j contains no age of a start or an exit', (status) => {
  expect(minAgeMs(status)).toBeNull();
});

/** Ages of up to ten years, in milliseconds. Short ages are as frequent as long ages. */
const anyAge = fc.double({ min: Math.log(SECOND) + 1e-6, max: Math.log(3_650 * DAY), noNaN: true }).map(Math.exp);

test('the minimum age is at most the real age, and at least a third of the real age', () => {
  fc.assert(
    fc.property(anyAge, (ageMs) => {
      const min = minAgeMs(`Up ${ageText(ageMs)}`)!;
      expect(min).toBeLessThanOrEqual(ageMs);
      expect(min).toBeGreaterThanOrEqual(ageMs / 3);
    }),
    { numRuns: 2_000 },
  );
});

test('the maximum age is more than the real age, and at most three times the real age', () => {
  fc.assert(
    fc.property(anyAge, (ageMs) => {
      const max = ageRange(`Up ${ageText(ageMs)}`)!.maxMs;
      expect(max).toBeGreaterThan(ageMs);
      expect(max).toBeLessThanOrEqual(ageMs * 3);
    }),
    { numRuns: 2_000 },
  );
});

test('the minimum age never decreases while the real age grows', () => {
  fc.assert(
    fc.property(anyAge, anyAge, (a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)].map((ageMs) => minAgeMs(`Up ${ageText(ageMs)}`)!);
      expect(less).toBeLessThanOrEqual(more!);
    }),
    { numRuns: 2_000, examples: [[59.9 * 60 * SECOND, 60.1 * 60 * SECOND]] },
  );
});

describe.each<CapturedEngine>(['docker-28.5', 'podman-4.3'])('the captured list of %s', (capturedEngine) => {
  test('contains the ages of the inspected containers', async () => {
    const { list, inspectById, capturedAtMs } = await loadCapture(capturedEngine);
    // A container that kept restarting was inspected after another restart.
    const settled = list.filter(({ State, Status }) => State !== 'restarting' && minAgeMs(Status) !== null);
    expect(settled.length).toBeGreaterThan(15);
    for (const { Id, State, Status } of settled) {
      const { StartedAt, FinishedAt } = inspectById.get(Id)!.State;
      const age = capturedAtMs - Date.parse(State === 'exited' ? FinishedAt : StartedAt);
      expect(Math.abs(age - minAgeMs(Status)!)).toBeLessThan(2 * SECOND);
    }
  });
});
