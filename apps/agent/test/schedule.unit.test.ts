import { describe, expect, test } from '@jest/globals';
import {
  COALESCE_MS,
  scheduleAfterEngineChange,
  scheduleAfterEngineFailure,
  scheduleAfterHeartbeatAnswer,
  nextAction,
  scheduleAfterRecordStart,
  scheduleAfterServerFailure,
  scheduleAfterSnapshotAnswer,
  scheduleAfterSnapshotStart,
  scheduleAfterSnapshotDelay,
  createSchedule,
  type Schedule,
} from '../src/reporting/schedule.js';

const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
const settledSchedule = (now: number): Schedule =>
  scheduleAfterSnapshotAnswer(scheduleAfterSnapshotStart(createSchedule(now)), now, { cadence, isAccepted: true }, 0);

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

test('a change while a snapshot is in flight causes another snapshot', () => {
  const schedule = scheduleAfterSnapshotAnswer(
    scheduleAfterEngineChange(scheduleAfterSnapshotStart(settledSchedule(0)), 100, COALESCE_MS),
    300,
    { cadence, isAccepted: true },
    0,
  );
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 100 + COALESCE_MS });
});

test('changes recorded while a snapshot is in flight are sent as soon as it is answered', () => {
  const inFlight = scheduleAfterEngineChange(scheduleAfterSnapshotStart(settledSchedule(0)), 60_000, COALESCE_MS);
  const schedule = scheduleAfterSnapshotAnswer(
    scheduleAfterRecordStart(inFlight),
    65_000,
    { cadence, isAccepted: true },
    0,
  );
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 65_000 });
});

test('a snapshot is due immediately if the answer to a heartbeat requests one', () => {
  const schedule = scheduleAfterHeartbeatAnswer(settledSchedule(0), 10_000, { cadence, snapshotRequired: true }, 0);
  expect(nextAction(schedule)).toEqual({ action: 'snapshot', at: 10_000 });
});

describe('a snapshot that the server refused', () => {
  const afterRefusal = scheduleAfterSnapshotAnswer(
    scheduleAfterSnapshotStart(createSchedule(0)),
    0,
    { cadence, isAccepted: false },
    0,
  );

  test('is not sent again when the answer to a heartbeat requests one', () => {
    const schedule = scheduleAfterHeartbeatAnswer(afterRefusal, 10_000, { cadence, snapshotRequired: true }, 0);
    expect(nextAction(schedule)).toEqual({ action: 'heartbeat', at: 20_000 });
  });

  test('is followed by another after a change or at the regular interval', () => {
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

test('after a failure, nothing is sent during the wait, and then the same action is repeated', () => {
  const schedule = scheduleAfterServerFailure(
    scheduleAfterSnapshotStart(scheduleAfterEngineChange(settledSchedule(0), 500, COALESCE_MS)),
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
  const delayedSchedule = scheduleAfterSnapshotDelay(scheduleAfterSnapshotStart(settledSchedule(0)), 5_000, 60_000);

  test('heartbeats continue as usual, and the snapshot waits even if an answer to a heartbeat requests one', () => {
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
    expect(nextAction(scheduleAfterRecordStart(changed))).toEqual({ action: 'heartbeat', at: 10_000 });
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

test('an engine failure is reported immediately, and the engine is read again after a delay', () => {
  const failed = scheduleAfterEngineFailure(scheduleAfterSnapshotStart(settledSchedule(0)), 1_000, 4_000, true);
  expect(nextAction(failed)).toEqual({ action: 'heartbeat', at: 1_000 });
  const afterHeartbeat = scheduleAfterHeartbeatAnswer(failed, 1_000, { cadence, snapshotRequired: true }, 0);
  expect(nextAction(afterHeartbeat)).toEqual({ action: 'snapshot', at: 5_000 });
  expect(nextAction(scheduleAfterEngineFailure(afterHeartbeat, 5_000, 9_000, false))).toEqual({
    action: 'heartbeat',
    at: 11_000,
  });
});

test('the cadence of each answer replaces the previous one, and a slower cadence spreads the calls of a fleet', () => {
  const slow = { heartbeatSeconds: 100, snapshotSeconds: 600 };
  expect(
    nextAction(
      scheduleAfterHeartbeatAnswer(settledSchedule(0), 10_000, { cadence: slow, snapshotRequired: false }, 0.5),
    ).at,
  ).toBe(60_000);
  const spreadSchedule = scheduleAfterSnapshotAnswer(
    scheduleAfterSnapshotStart(settledSchedule(0)),
    0,
    { cadence: slow, isAccepted: true },
    0.5,
  );
  expect(nextAction(spreadSchedule)).toEqual({ action: 'heartbeat', at: 95_000 });
});

test('the minimum interval applies if the server asks for a shorter one', () => {
  const tooFrequent = { heartbeatSeconds: 0.000_001, snapshotSeconds: 0.000_001 };
  expect(
    nextAction(scheduleAfterSnapshotAnswer(settledSchedule(0), 0, { cadence: tooFrequent, isAccepted: true }, 0)).at,
  ).toBe(100);
});
