import { expect, test } from '@jest/globals';
import { SERVER_BACKOFF, equalJitterMs, fullJitterMs, parseRetryAfter, retryDelayMs } from '../src/lib/backoff.js';

test('with full jitter, a wait is between 0 and a backoff that doubles up to its cap', () => {
  const longest = [1, 2, 3, 7, 50, 5_000].map((failures) => fullJitterMs(failures, 1, SERVER_BACKOFF));
  expect(longest).toEqual([1_000, 2_000, 4_000, 60_000, 60_000, 60_000]);
  expect(fullJitterMs(5, 0, SERVER_BACKOFF)).toBe(0);
});

test('with equal jitter, a wait is at least half of the backoff', () => {
  const limits = { baseMs: 10_000, capMs: 60_000 };
  expect([1, 2, 3, 4, 5_000].map((failures) => equalJitterMs(failures, 0, limits) / 1_000)).toEqual([
    5, 10, 20, 30, 30,
  ]);
  expect([1, 2, 3, 4, 5_000].map((failures) => equalJitterMs(failures, 1, limits) / 1_000)).toEqual([
    10, 20, 40, 60, 60,
  ]);
});

test('a wait is never shorter than the server’s Retry-After', () => {
  expect(retryDelayMs(1, 5_000, 0, SERVER_BACKOFF)).toBe(5_000);
  expect(retryDelayMs(1, 5_000, 0.5, SERVER_BACKOFF)).toBe(6_250);
});

test('after a Retry-After of 30 s, a fleet spreads its retries over 15 s, and over more time after many failures', () => {
  expect(retryDelayMs(1, 30_000, 0, SERVER_BACKOFF)).toBe(30_000);
  expect(retryDelayMs(1, 30_000, 1, SERVER_BACKOFF)).toBe(45_000);
  expect(retryDelayMs(7, 30_000, 1, SERVER_BACKOFF)).toBe(90_000);
  // The jitter is capped at the longest backoff.
  expect(retryDelayMs(1, 3_600_000, 1, SERVER_BACKOFF)).toBe(3_660_000);
});

test.each([
  [undefined, null],
  ['120', 120_000],
  [' 0 ', 0],
  ['Tue, 24 Nov 2026 00:00:30 GMT', 30_000],
  ['Mon, 23 Nov 2026 23:59:30 GMT', 0],
  ['soon', null],
  ['99999999999', 86_400_000],
])('parses the header Retry-After: %j as a wait of %j ms', (header, ms) => {
  expect(parseRetryAfter(header, Date.parse('2026-11-24T00:00:00Z'))).toBe(ms);
});
