import { expect, test } from '@jest/globals';
import { Pace, retryDelayMs } from '../src/simulation/pace.js';

const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };

/** Returns the pace of an agent that received the response to its first snapshot at 0 ms. */
function settledPace(random = 0): Pace {
  const pace = new Pace(0, () => random);
  pace.snapshotStarted();
  pace.answered('snapshot', 0, cadence);
  return pace;
}

test('an agent starts with a snapshot, and then follows the server’s cadence', () => {
  expect(new Pace(5, () => 0).next()).toEqual({ report: 'snapshot', atMs: 5 });
  const pace = settledPace();
  for (const atMs of [10_000, 20_000, 30_000, 40_000, 50_000]) {
    expect(pace.next()).toEqual({ report: 'heartbeat', atMs });
    pace.answered('heartbeat', atMs, cadence);
  }
  expect(pace.next()).toEqual({ report: 'snapshot', atMs: 60_000 });
});

test('a burst of changes causes only one snapshot, 1 s after the first change', () => {
  const pace = settledPace();
  expect(pace.hasChange).toBe(false);
  pace.containerChanged(3_000);
  pace.containerChanged(3_900);
  expect(pace.hasChange).toBe(true);
  expect(pace.next()).toEqual({ report: 'snapshot', atMs: 4_000 });
  pace.snapshotStarted();
  pace.answered('snapshot', 4_000, cadence);
  expect(pace.next().report).toBe('heartbeat');
});

test('a snapshot that the server requires is sent immediately', () => {
  const pace = settledPace(0.5);
  pace.answered('heartbeat', 10_000, cadence, true);
  expect(pace.next()).toEqual({ report: 'snapshot', atMs: 10_000 });
});

test('a new cadence applies as soon as a response contains it, and the intervals vary at random', () => {
  const quick = { heartbeatSeconds: 1, snapshotSeconds: 2 };
  const pace = settledPace(0.5);
  pace.answered('heartbeat', 10_000, quick);
  expect(pace.next()).toEqual({ report: 'heartbeat', atMs: 10_950 });
  pace.silence(11_900);
  expect(pace.next()).toEqual({ report: 'snapshot', atMs: 11_900 });
});

test('nothing is sent before the retry of a failed call, nor while the network is down', () => {
  const heartbeat = settledPace();
  heartbeat.failed(10_000, 700, 'heartbeat');
  expect(heartbeat.next()).toEqual({ report: 'heartbeat', atMs: 10_700 });
  const snapshot = settledPace();
  snapshot.failed(10_000, 700, 'snapshot');
  expect(snapshot.next()).toEqual({ report: 'snapshot', atMs: 10_700 });
  const changed = settledPace();
  changed.containerChanged(0);
  changed.silence(45_000);
  expect(changed.next()).toEqual({ report: 'snapshot', atMs: 45_000 });
  changed.start(40_000);
  expect(changed.next()).toEqual({ report: 'snapshot', atMs: 45_000 });
});

test('the wait before a retry is random, its maximum doubles up to a minute, and it is never shorter than the server requires', () => {
  expect([1, 2, 3, 7, 50].map((failures) => retryDelayMs(failures, null, 1))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000,
  ]);
  expect(retryDelayMs(3, null, 0)).toBe(0);
  expect(retryDelayMs(3, 9_000, 0.5)).toBe(11_000);
});
