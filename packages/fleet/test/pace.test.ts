import { expect, test } from '@jest/globals';
import {
  changed,
  failed,
  heartbeatAnswered,
  nextStep,
  retryDelayMs,
  silenced,
  snapshotAnswered,
  snapshotBegun,
  startPace,
} from '../src/simulation/pace.js';

const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
const settled = snapshotAnswered(snapshotBegun(startPace(0)), 0, cadence, 0);

test('an agent begins with a snapshot at once, and then keeps the server’s cadence', () => {
  expect(nextStep(startPace(5))).toEqual({ action: 'snapshot', atMs: 5 });
  let schedule = settled;
  for (const atMs of [10_000, 20_000, 30_000, 40_000, 50_000]) {
    expect(nextStep(schedule)).toEqual({ action: 'heartbeat', atMs });
    schedule = heartbeatAnswered(schedule, atMs, { cadence, snapshotRequired: false }, 0);
  }
  expect(nextStep(schedule)).toEqual({ action: 'snapshot', atMs: 60_000 });
});

test('a burst of changes gives one snapshot, a second after the first of them', () => {
  const schedule = changed(changed(settled, 3_000), 3_900);
  expect(nextStep(schedule)).toEqual({ action: 'snapshot', atMs: 4_000 });
  expect(nextStep(snapshotAnswered(snapshotBegun(schedule), 4_000, cadence, 0)).action).toBe('heartbeat');
});

test('a snapshot that the server requires is sent at once', () => {
  const schedule = heartbeatAnswered(settled, 10_000, { cadence, snapshotRequired: true }, 0.5);
  expect(nextStep(schedule)).toEqual({ action: 'snapshot', atMs: 10_000 });
});

test('a cadence that changes holds from the answer on that tells it, and chance spreads it', () => {
  const quick = { heartbeatSeconds: 1, snapshotSeconds: 2 };
  const schedule = heartbeatAnswered(settled, 10_000, { cadence: quick, snapshotRequired: false }, 0.5);
  expect(nextStep(schedule)).toEqual({ action: 'heartbeat', atMs: 10_950 });
  expect(nextStep({ ...schedule, heartbeatAt: 99_000 })).toEqual({ action: 'snapshot', atMs: 11_900 });
});

test('nothing is sent before a failed call may be tried again, nor while the network is down', () => {
  expect(nextStep(failed(settled, 10_000, 700, 'heartbeat'))).toEqual({ action: 'heartbeat', atMs: 10_700 });
  expect(nextStep(failed(settled, 10_000, 700, 'snapshot'))).toEqual({ action: 'snapshot', atMs: 10_700 });
  expect(nextStep(silenced(changed(settled, 0), 45_000))).toEqual({ action: 'snapshot', atMs: 45_000 });
});

test('the wait before the next try doubles to a minute, by chance, and is never less than the server asks for', () => {
  expect([1, 2, 3, 7, 50].map((failures) => retryDelayMs(failures, null, 1))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000,
  ]);
  expect(retryDelayMs(3, null, 0)).toBe(0);
  expect(retryDelayMs(3, 9_000, 0.5)).toBe(11_000);
});
