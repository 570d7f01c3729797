import { expect, test } from '@jest/globals';
import { ReportSchedule, retryDelayMs } from '../src/simulation/report-schedule.js';

const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };

/** Returns the schedule of an agent that received the response to its first snapshot at 0 ms. */
function settledSchedule(random = 0): ReportSchedule {
  const schedule = new ReportSchedule(0, () => random);
  schedule.snapshotStarted();
  schedule.answered('snapshot', 0, cadence);
  return schedule;
}

test('an agent starts with a snapshot and then follows the server’s reporting intervals', () => {
  expect(new ReportSchedule(5, () => 0).next()).toEqual({ report: 'snapshot', atMs: 5 });
  const schedule = settledSchedule();
  for (const atMs of [10_000, 20_000, 30_000, 40_000, 50_000]) {
    expect(schedule.next()).toEqual({ report: 'heartbeat', atMs });
    schedule.answered('heartbeat', atMs, cadence);
  }
  expect(schedule.next()).toEqual({ report: 'snapshot', atMs: 60_000 });
});

test('a burst of changes causes only one snapshot, 1 s after the first change', () => {
  const schedule = settledSchedule();
  expect(schedule.hasChange).toBe(false);
  schedule.containerChanged(3_000);
  schedule.containerChanged(3_900);
  expect(schedule.hasChange).toBe(true);
  expect(schedule.next()).toEqual({ report: 'snapshot', atMs: 4_000 });
  schedule.snapshotStarted();
  schedule.answered('snapshot', 4_000, cadence);
  expect(schedule.next().report).toBe('heartbeat');
});

test('a snapshot that the server requires is sent immediately', () => {
  const schedule = settledSchedule(0.5);
  schedule.answered('heartbeat', 10_000, cadence, true);
  expect(schedule.next()).toEqual({ report: 'snapshot', atMs: 10_000 });
});

test('new reporting intervals apply immediately, with random variation', () => {
  const quick = { heartbeatSeconds: 1, snapshotSeconds: 2 };
  const schedule = settledSchedule(0.5);
  schedule.answered('heartbeat', 10_000, quick);
  expect(schedule.next()).toEqual({ report: 'heartbeat', atMs: 10_950 });
  schedule.silence(11_900);
  expect(schedule.next()).toEqual({ report: 'snapshot', atMs: 11_900 });
});

test('nothing is sent before the retry of a failed call or while the network is down', () => {
  const heartbeat = settledSchedule();
  heartbeat.failed(10_000, 700, 'heartbeat');
  expect(heartbeat.next()).toEqual({ report: 'heartbeat', atMs: 10_700 });
  const snapshot = settledSchedule();
  snapshot.failed(10_000, 700, 'snapshot');
  expect(snapshot.next()).toEqual({ report: 'snapshot', atMs: 10_700 });
  const changed = settledSchedule();
  changed.containerChanged(0);
  changed.silence(45_000);
  expect(changed.next()).toEqual({ report: 'snapshot', atMs: 45_000 });
  changed.start(40_000);
  expect(changed.next()).toEqual({ report: 'snapshot', atMs: 45_000 });
});

test('the random wait before a retry grows up to a minute, and is never shorter than the server requires', () => {
  expect([1, 2, 3, 7, 50].map((failures) => retryDelayMs(failures, null, 1))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000,
  ]);
  expect(retryDelayMs(3, null, 0)).toBe(0);
  expect(retryDelayMs(3, 9_000, 0.5)).toBe(11_000);
});
