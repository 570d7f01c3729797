import { describe, expect, test } from '@jest/globals';
import {
  COALESCE_MS,
  changeReadingAt,
  scheduleAfterEngineChange,
  scheduleAfterEngineFailure,
  scheduleAfterHeartbeatAnswer,
  nextAction,
  scheduleAfterRecordStart,
  scheduleAfterServerFailure,
  scheduleAfterSnapshotAnswer,
  scheduleAfterSnapshotStart,
  scheduleSnapshotRetry,
  scheduleSnapshotWithin,
  createSchedule,
  type Schedule,
} from '../src/reporting/schedule.js';

const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
const settledSchedule = (now: number): Schedule =>
  scheduleAfterSnapshotAnswer(
    scheduleAfterSnapshotStart(createSchedule(now), now),
    now,
    { cadence, isAccepted: true },
    0,
  );

test('an agent sends a snapshot immediately when it starts', () => {
  expect(nextAction(createSchedule(5))).toEqual({ action: 'snapshot', at: 5 });
});

test('a snapshot is followed by heartbeats and then the next snapshot', () => {
  let schedule = settledSchedule(0);
  const steps: string[] = [];
  for (let i = 0; i < 6; i++) {
    const { action, at } = nextAction(schedule);
    steps.push(`${action}@${at / 1_000}`);
    if (action === 'heartbeat')
      schedule = scheduleAfterHeartbeatAnswer(schedule, at, { cadence, snapshotRequired: false }, 0);
  }
  expect(steps).toEqual([
    'heartbeat@10',
    'heartbeat@20',
    'heartbeat@30',
    'heartbeat@40',
    'heartbeat@50',
    'snapshot@60',
  ]);
});

test('a burst of events causes one snapshot, a second after the first event', () => {
  let schedule = settledSchedule(0);
  for (let now = 1_000; now < 2_000; now += 10) schedule = scheduleAfterEngineChange(schedule, now, COALESCE_MS);
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 1_000 + COALESCE_MS });
});

test('containers that restart all the time cause 10 snapshots at once, and then 10 a minute', () => {
  let schedule = settledSchedule(0);
  const snapshotTimes: number[] = [];
  // 30 containers with an event every 250 ms, for an hour.
  for (let now = 0; now < 3_600_000; now += 250) {
    schedule = scheduleAfterEngineChange(schedule, now, COALESCE_MS);
    const { action, at } = nextAction(schedule);
    if (at > now) continue;
    if (action === 'heartbeat') {
      schedule = scheduleAfterHeartbeatAnswer(schedule, now, { cadence, snapshotRequired: true }, 0);
      continue;
    }
    snapshotTimes.push(now);
    schedule = scheduleAfterSnapshotStart(schedule, now);
    schedule = scheduleAfterSnapshotAnswer(schedule, now, { cadence, isAccepted: true }, 0);
  }
  const within = (fromMs: number, toMs: number) => snapshotTimes.filter((at) => at >= fromMs && at < toMs).length;
  expect(within(0, 60_000)).toBeLessThanOrEqual(20);
  for (let minute = 1; minute < 60; minute++)
    expect(within(minute * 60_000, (minute + 1) * 60_000)).toBeLessThanOrEqual(11);
  // No change waits longer than seven seconds.
  for (let index = 1; index < snapshotTimes.length; index++) {
    expect(snapshotTimes[index]! - snapshotTimes[index - 1]!).toBeLessThanOrEqual(7_000);
  }
});

test('a change while a snapshot is in flight causes another snapshot', () => {
  const schedule = scheduleAfterSnapshotAnswer(
    scheduleAfterEngineChange(scheduleAfterSnapshotStart(settledSchedule(0), 0), 100, COALESCE_MS),
    300,
    { cadence, isAccepted: true },
    0,
  );
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 100 + COALESCE_MS });
});

test('changes recorded while a snapshot is in flight are sent as soon as the API has answered', () => {
  const inFlight = scheduleAfterEngineChange(scheduleAfterSnapshotStart(settledSchedule(0), 0), 60_000, COALESCE_MS);
  const schedule = scheduleAfterSnapshotAnswer(
    scheduleAfterRecordStart(inFlight, 61_000),
    65_000,
    { cadence, isAccepted: true },
    0,
  );
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 65_000 });
});

test('a snapshot is due immediately if the response to a heartbeat requests a snapshot', () => {
  const schedule = scheduleAfterHeartbeatAnswer(settledSchedule(0), 10_000, { cadence, snapshotRequired: true }, 0);
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 10_000 });
});

describe('a snapshot that the server refused', () => {
  const afterRefusal = scheduleAfterSnapshotAnswer(
    scheduleAfterSnapshotStart(createSchedule(0), 0),
    0,
    { cadence, isAccepted: false },
    0,
  );

  test('is not sent again when the response to a heartbeat requests a snapshot', () => {
    const schedule = scheduleAfterHeartbeatAnswer(afterRefusal, 10_000, { cadence, snapshotRequired: true }, 0);
    expect(nextAction(schedule)).toEqual({ action: 'heartbeat', at: 20_000 });
  });

  test('is followed by the next snapshot after a change or at the regular interval', () => {
    expect(nextAction(scheduleAfterEngineChange(afterRefusal, 3_000, COALESCE_MS))).toEqual({
      action: 'snapshot',
      at: 4_000,
    });
    let schedule = afterRefusal;
    for (let now = 10_000; now < 60_000; now += 10_000) {
      schedule = scheduleAfterHeartbeatAnswer(schedule, now, { cadence, snapshotRequired: true }, 0);
    }
    expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 60_000 });
  });
});

test('a failed action is repeated after a wait in which nothing is sent', () => {
  const schedule = scheduleAfterServerFailure(
    scheduleAfterSnapshotStart(scheduleAfterEngineChange(settledSchedule(0), 500, COALESCE_MS), 1_500),
    1_500,
    30_000,
    'snapshot',
  );
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 31_500 });
  expect(nextAction(scheduleAfterServerFailure(settledSchedule(0), 10_000, 700, 'heartbeat'))).toEqual({
    action: 'heartbeat',
    at: 10_700,
  });
});

describe('while the server limits the snapshots of a host', () => {
  const delayedSchedule = scheduleSnapshotRetry(scheduleAfterSnapshotStart(settledSchedule(0), 0), 5_000, 60_000);

  test('heartbeats continue, and the snapshot waits even if a response to a heartbeat requests a snapshot', () => {
    let schedule = delayedSchedule;
    const steps: string[] = [];
    for (let i = 0; i < 7; i++) {
      const { action, at } = nextAction(schedule);
      steps.push(`${action}@${at / 1_000}`);
      if (action === 'heartbeat')
        schedule = scheduleAfterHeartbeatAnswer(schedule, at, { cadence, snapshotRequired: true }, 0);
    }
    expect(steps).toEqual([...[10, 20, 30, 40, 50, 60].map((at) => `heartbeat@${at}`), 'snapshot@65']);
  });

  test('changes are recorded so that they can be sent later', () => {
    const changed = scheduleAfterEngineChange(delayedSchedule, 6_000, COALESCE_MS);
    expect(nextAction(changed)).toEqual({ action: 'record', at: 7_000 });
    expect(nextAction(scheduleAfterRecordStart(changed, 7_000))).toEqual({ action: 'heartbeat', at: 10_000 });
    expect(nextAction(scheduleAfterEngineChange(delayedSchedule, 12_000, COALESCE_MS))).toEqual({
      action: 'heartbeat',
      at: 10_000,
    });
  });

  test('a failed heartbeat delays all actions', () => {
    const failed = scheduleAfterServerFailure(delayedSchedule, 10_000, 80_000, 'heartbeat');
    expect(nextAction(failed)).toEqual({ action: 'snapshot', at: 90_000 });
  });
});

test('an engine failure is reported immediately, and the engine is read again later', () => {
  const failed = scheduleAfterEngineFailure(scheduleAfterSnapshotStart(settledSchedule(0), 0), 1_000, 4_000, true);
  expect(nextAction(failed)).toEqual({ action: 'heartbeat', at: 1_000 });
  const afterHeartbeat = scheduleAfterHeartbeatAnswer(failed, 1_000, { cadence, snapshotRequired: true }, 0);
  expect(nextAction(afterHeartbeat)).toEqual({ action: 'snapshot', at: 5_000 });
  expect(nextAction(scheduleAfterEngineFailure(afterHeartbeat, 5_000, 9_000, false))).toEqual({
    action: 'heartbeat',
    at: 11_000,
  });
});

describe('while the engine must not be read', () => {
  test('heartbeats continue, and no change, server request or regular interval causes a reading', () => {
    let schedule = scheduleAfterEngineFailure(scheduleAfterSnapshotStart(settledSchedule(0), 0), 1_000, 30_000, true);
    const steps: string[] = [];
    for (let i = 0; i < 5; i++) {
      schedule = scheduleAfterEngineChange(schedule, 1_000 + i, COALESCE_MS);
      const { action, at } = nextAction(schedule, 31_000);
      steps.push(`${action}@${at / 1_000}`);
      if (action === 'heartbeat')
        schedule = scheduleAfterHeartbeatAnswer(schedule, at, { cadence, snapshotRequired: true }, 0);
    }
    expect(steps).toEqual(['heartbeat@1', 'heartbeat@11', 'heartbeat@21', 'snapshot@31', 'snapshot@31']);
  });

  test('changes are not recorded for later', () => {
    const delayed = scheduleSnapshotRetry(scheduleAfterSnapshotStart(settledSchedule(0), 0), 5_000, 60_000);
    const changed = scheduleAfterEngineChange(delayed, 6_000, COALESCE_MS);
    expect(nextAction(changed, 9_000)).toEqual({ action: 'record', at: 9_000 });
    expect(nextAction(changed, 12_000)).toEqual({ action: 'heartbeat', at: 10_000 });
  });
});

describe('a container that changes all the time', () => {
  /** Simulates a change every 100 ms. Returns the times of the readings of each minute. */
  function readingsByMinute(minutes: number): number[][] {
    const readings: number[][] = Array.from({ length: minutes }, () => []);
    // The regular interval is an hour, so only changes cause readings.
    const hourly = { heartbeatSeconds: 10, snapshotSeconds: 3_600 };
    const answer = { cadence: hourly, isAccepted: true };
    let schedule = scheduleAfterSnapshotAnswer(scheduleAfterSnapshotStart(createSchedule(0), 0), 0, answer, 0);
    for (let now = 0; now < minutes * 60_000; now += 100) {
      schedule = scheduleAfterEngineChange(schedule, now, COALESCE_MS);
      if (schedule.heartbeatAt <= now) {
        schedule = scheduleAfterHeartbeatAnswer(schedule, now, { cadence: hourly, snapshotRequired: true }, 0);
      }
      const { action, at } = nextAction(schedule);
      if (action === 'heartbeat' || at > now) continue;
      readings[Math.floor(now / 60_000)]!.push(now);
      schedule = scheduleAfterSnapshotAnswer(scheduleAfterSnapshotStart(schedule, now), now, answer, 0);
    }
    return readings;
  }

  test('is reported each second at first, and then at most every six seconds', () => {
    const [first, second, third] = readingsByMinute(3);
    expect(first!.slice(0, 3)).toEqual([1_000, 2_100, 3_200]);
    expect(first!.length).toBeLessThanOrEqual(20);
    expect(second!.length).toBeLessThanOrEqual(10);
    expect(third!.length).toBeLessThanOrEqual(10);
    expect(third!.length).toBeGreaterThanOrEqual(9);
  });

  test('is again reported without a wait after a quiet minute', () => {
    let schedule = settledSchedule(0);
    for (let i = 0; i < 10; i++) {
      schedule = scheduleAfterEngineChange(schedule, 1_000, 0);
      expect(changeReadingAt(schedule, 0)).toBe(1_000);
      schedule = scheduleAfterSnapshotStart(schedule, 1_000);
    }
    expect(changeReadingAt(scheduleAfterEngineChange(schedule, 2_000, 0), 0)).toBe(7_000);
    expect(changeReadingAt(scheduleAfterEngineChange(schedule, 61_000, 0), 0)).toBe(61_000);
  });

  test('does not fill the journal while the server cannot be reached', () => {
    let schedule = scheduleAfterServerFailure(settledSchedule(0), 0, 3_600_000, 'snapshot');
    let records = 0;
    for (let now = 0; now < 60_000; now += 100) {
      schedule = scheduleAfterEngineChange(schedule, now, COALESCE_MS);
      const { action, at } = nextAction(schedule);
      if (at > now) continue;
      expect(action).toBe('record');
      records++;
      schedule = scheduleAfterRecordStart(schedule, now);
    }
    expect(records).toBeLessThanOrEqual(20);
  });
});

test('a heartbeat that is sent while the engine is read for a snapshot does not cause another snapshot', () => {
  const reading = scheduleAfterSnapshotStart(settledSchedule(0), 60_000);
  const afterHeartbeat = scheduleAfterHeartbeatAnswer(reading, 70_000, { cadence, snapshotRequired: true }, 0);
  const answered = scheduleAfterSnapshotAnswer(afterHeartbeat, 72_000, { cadence, isAccepted: true }, 0);
  expect(nextAction(answered)).toEqual({ action: 'heartbeat', at: 82_000 });
  expect(answered.snapshotAt).toBe(132_000);
});

test('a snapshot that must be repeated soon does not delay a snapshot that is due sooner', () => {
  expect(scheduleSnapshotWithin(settledSchedule(0), 1_000, 15_000).snapshotAt).toBe(16_000);
  expect(scheduleSnapshotWithin(settledSchedule(0), 50_000, 15_000).snapshotAt).toBe(60_000);
});

test('the agent adopts the reporting intervals from each response, and longer intervals spread the calls of a fleet', () => {
  const slow = { heartbeatSeconds: 100, snapshotSeconds: 600 };
  expect(
    nextAction(
      scheduleAfterHeartbeatAnswer(settledSchedule(0), 10_000, { cadence: slow, snapshotRequired: false }, 0.5),
    ).at,
  ).toBe(60_000);
  const spreadSchedule = scheduleAfterSnapshotAnswer(
    scheduleAfterSnapshotStart(settledSchedule(0), 0),
    0,
    { cadence: slow, isAccepted: true },
    0.5,
  );
  expect(nextAction(spreadSchedule)).toEqual({ action: 'heartbeat', at: 95_000 });
});

test('the minimum interval applies if the server asks for a shorter interval', () => {
  const tooFrequent = { heartbeatSeconds: 0.000_001, snapshotSeconds: 0.000_001 };
  expect(
    nextAction(scheduleAfterSnapshotAnswer(settledSchedule(0), 0, { cadence: tooFrequent, isAccepted: true }, 0)).at,
  ).toBe(100);
});
