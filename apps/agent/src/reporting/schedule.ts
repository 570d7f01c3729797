import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';

/**
 * Schedule of the next calls. All times are milliseconds of one monotonic clock. Every function here is pure and
 * returns a new schedule. At most one action is due at a time, so at most one request is in flight.
 */
export interface Schedule {
  readonly cadence: Cadence;
  /** The next regular snapshot, or the next attempt at one; infinite while one is in flight. */
  readonly snapshotAt: number;
  /** When to send the snapshot for a change in the engine; null if nothing changed since the last reading. */
  readonly changeAt: number | null;
  readonly heartbeatAt: number;
  /** Nothing is sent before this time, because the server failed or asked for a pause. */
  readonly notBefore: number;
  /** No snapshot is sent before this time, but heartbeats are: the server limits this host's snapshots. */
  readonly snapshotNotBefore: number;
  /** True if another snapshot would fail like the last one. The server's requests for a snapshot are then ignored. */
  readonly ignoresRequests: boolean;
}

/** Milliseconds from the first event of a burst to the snapshot that covers all of them. */
export const COALESCE_MS = 1_000;

/** Minimum interval, whatever the server asks for. */
const INTERVAL_MS_MIN = 100;

/** Share of an interval that is random, so that agents started together spread out. */
const JITTER = 0.1;

/** Returns the initial schedule: a snapshot at once. */
export const createSchedule = (now: number): Schedule => ({
  cadence: CADENCE_DEFAULT,
  snapshotAt: now,
  changeAt: null,
  heartbeatAt: now + CADENCE_DEFAULT.heartbeatSeconds * 1_000,
  notBefore: now,
  snapshotNotBefore: now,
  ignoresRequests: false,
});

/** The kinds of action. `record` reads a change that cannot be sent to the server yet. */
export type Action = 'snapshot' | 'heartbeat' | 'record';

/** Returns the next action and its time. */
export function nextAction(schedule: Schedule): { action: Action; at: number } {
  const { snapshotAt, changeAt, heartbeatAt, notBefore } = schedule;
  const snapshotsFrom = snapshotsAllowedFrom(schedule);
  const snapshot = Math.max(snapshotsFrom, Math.min(snapshotAt, changeAt ?? Number.POSITIVE_INFINITY));
  const heartbeat = Math.max(notBefore, heartbeatAt);
  if (changeAt !== null && changeAt < snapshotsFrom && changeAt <= heartbeat) return { action: 'record', at: changeAt };
  return snapshot <= heartbeat ? { action: 'snapshot', at: snapshot } : { action: 'heartbeat', at: heartbeat };
}

const snapshotsAllowedFrom = ({ notBefore, snapshotNotBefore }: Schedule): number =>
  Math.max(notBefore, snapshotNotBefore);

/** Schedules a snapshot for a change. The time counts from the first change, so a long burst does not delay it. */
export const engineChanged = (schedule: Schedule, now: number, coalesceMs: number): Schedule => ({
  ...schedule,
  changeAt: schedule.changeAt ?? now + coalesceMs,
  ignoresRequests: false,
});

/** Clears the due snapshot when reading starts. Changes from now on schedule another one. */
export const snapshotStarted = (schedule: Schedule): Schedule => ({
  ...schedule,
  changeAt: null,
  snapshotAt: Number.POSITIVE_INFINITY,
});

/** Clears the change when reading for the journal starts. A snapshot follows as soon as the server allows one. */
export const recordStarted = (schedule: Schedule): Schedule => ({
  ...schedule,
  changeAt: null,
  snapshotAt: Math.min(schedule.snapshotAt, snapshotsAllowedFrom(schedule)),
});

/**
 * Schedules after the answer to a snapshot. `taken` is false if the server did not apply it and would not apply the
 * next one either. Changes recorded while it was in flight do not wait for the next regular snapshot.
 */
export const snapshotAnswered = (
  schedule: Schedule,
  now: number,
  answer: { cadence: Cadence; isAccepted: boolean },
  random: number,
): Schedule => ({
  ...schedule,
  cadence: answer.cadence,
  snapshotAt: Math.min(schedule.snapshotAt, now + untilSnapshot(answer.cadence, random)),
  heartbeatAt: now + untilHeartbeat(answer.cadence, random),
  notBefore: now,
  ignoresRequests: !answer.isAccepted,
});

/** Schedules after the answer to a heartbeat. */
export const heartbeatAnswered = (
  schedule: Schedule,
  now: number,
  answer: { cadence: Cadence; snapshotRequired: boolean },
  random: number,
): Schedule => ({
  ...schedule,
  cadence: answer.cadence,
  // The new cadence may make a regular snapshot due sooner.
  snapshotAt:
    answer.snapshotRequired && !schedule.ignoresRequests
      ? now
      : Math.min(schedule.snapshotAt, now + untilSnapshot(answer.cadence, random)),
  heartbeatAt: now + untilHeartbeat(answer.cadence, random),
  notBefore: now,
});

/** Retries the same action after `delayMs`, because the server failed or asked for a pause. */
export const serverFailed = (
  schedule: Schedule,
  now: number,
  delayMs: number,
  action: Exclude<Action, 'record'>,
): Schedule => ({
  ...schedule,
  snapshotAt: action === 'snapshot' ? now : schedule.snapshotAt,
  heartbeatAt: action === 'heartbeat' ? now : schedule.heartbeatAt,
  notBefore: now + delayMs,
});

/** Retries the snapshot after `delayMs`. Heartbeats continue as usual. */
export const snapshotDelayed = (schedule: Schedule, now: number, delayMs: number): Schedule => ({
  ...schedule,
  snapshotAt: now,
  notBefore: now,
  snapshotNotBefore: now + delayMs,
});

/**
 * Retries the engine after `delayMs`. A new error is reported to the server at once, a known one with the next regular
 * heartbeat.
 */
export const engineFailed = (schedule: Schedule, now: number, delayMs: number, isNewError: boolean): Schedule => ({
  ...schedule,
  snapshotAt: now + delayMs,
  changeAt: null,
  heartbeatAt: isNewError ? now : schedule.heartbeatAt,
  ignoresRequests: true,
});

/** Skips a heartbeat that cannot be sent. The next one is due as usual. */
export const heartbeatSkipped = (schedule: Schedule, now: number, random: number): Schedule => ({
  ...schedule,
  heartbeatAt: now + untilHeartbeat(schedule.cadence, random),
});

/** Randomized downward, so a heartbeat is never later than the server expects. */
const untilHeartbeat = ({ heartbeatSeconds }: Cadence, random: number): number =>
  Math.max(INTERVAL_MS_MIN, heartbeatSeconds * 1_000 * (1 - JITTER * random));

/**
 * Randomized upward, so a snapshot is never sooner than the server asks: each costs the engine a list, and heartbeats
 * confirm the last one in between.
 */
const untilSnapshot = ({ snapshotSeconds }: Cadence, random: number): number =>
  Math.max(INTERVAL_MS_MIN, snapshotSeconds * 1_000 * (1 + JITTER * random));
