import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';

/**
 * Schedule of the next calls. All times are milliseconds of one monotonic clock. All functions in this module are pure.
 * Those named `scheduleAfter…` return the new schedule. At most one action is due at a time, so at most one request is
 * in flight.
 */
export interface Schedule {
  readonly cadence: Cadence;
  /** Time of the next regular snapshot, or of the next attempt to send it; infinite while a snapshot is in flight. */
  readonly snapshotAt: number;
  /** Time at which the snapshot for a change in the engine is due; null if nothing changed since the last reading. */
  readonly changeAt: number | null;
  /**
   * Limits the readings for changes (generic cell rate algorithm). At this time, the budget for such readings is full
   * again: the engine can be read `CHANGE_READINGS_BURST` times in a row. Each reading for a change moves this time
   * `CHANGE_READING_MS` ahead.
   */
  readonly changeBudgetFullAt: number;
  /** Time of the next heartbeat. */
  readonly heartbeatAt: number;
  /** Nothing is sent before this time, because the server failed or asked for a pause. */
  readonly notBefore: number;
  /**
   * No snapshot is sent before this time, because the server limits this host's snapshots, or a proxy refused a
   * snapshot. Heartbeats are not affected.
   */
  readonly snapshotNotBefore: number;
  /** True if another snapshot would fail like the last one. The server's requests for a snapshot are then ignored. */
  readonly ignoresSnapshotRequests: boolean;
}

/** Milliseconds from the first event of a burst to the snapshot that covers the whole burst. */
export const COALESCE_MS = 1_000;

/** Number of readings for changes that can follow each other without a wait. */
const CHANGE_READINGS_BURST = 10;

/**
 * Milliseconds after which another reading for a change is allowed, once the burst has been used up. Without this
 * limit, a container in a crash loop would cost a list and a snapshot each second.
 */
const CHANGE_READING_MS = 6_000;

/** Minimum interval between two calls of one kind, in milliseconds, even if the server asks for a shorter interval. */
const INTERVAL_MS_MIN = 100;

/**
 * Fraction of an interval that is random, so that agents that were started together do not make their calls at the same
 * time.
 */
const JITTER_FRACTION = 0.1;

/** Returns the initial schedule, in which a snapshot is due immediately. */
export const createSchedule = (now: number): Schedule => ({
  cadence: CADENCE_DEFAULT,
  snapshotAt: now,
  changeAt: null,
  changeBudgetFullAt: now,
  heartbeatAt: now + CADENCE_DEFAULT.heartbeatSeconds * 1_000,
  notBefore: now,
  snapshotNotBefore: now,
  ignoresSnapshotRequests: false,
});

/**
 * The kinds of action. `record` reads the engine and writes its changes to the journal, because no snapshot can be sent
 * yet.
 */
export type Action = 'snapshot' | 'heartbeat' | 'record';

/**
 * Returns the next action and its time. The engine is never read before `engineOpenAt`. By default, it can be
 * read at any time.
 */
export function nextAction(
  schedule: Schedule,
  engineOpenAt = Number.NEGATIVE_INFINITY,
): { action: Action; at: number } {
  const { snapshotAt, heartbeatAt, notBefore } = schedule;
  const snapshotsAllowedAt = earliestSnapshotAt(schedule);
  const changeDueAt = changeReadingAt(schedule, engineOpenAt);
  const snapshot = Math.max(snapshotsAllowedAt, engineOpenAt, Math.min(snapshotAt, changeDueAt));
  const heartbeat = Math.max(notBefore, heartbeatAt);
  if (changeDueAt < snapshotsAllowedAt && changeDueAt <= heartbeat) return { action: 'record', at: changeDueAt };
  return snapshot <= heartbeat ? { action: 'snapshot', at: snapshot } : { action: 'heartbeat', at: heartbeat };
}

/** Returns when the engine is read because of a change; infinite if nothing changed since the last reading. */
export function changeReadingAt({ changeAt, changeBudgetFullAt }: Schedule, engineOpenAt: number): number {
  if (changeAt === null) return Number.POSITIVE_INFINITY;
  return Math.max(changeAt, changeBudgetFullAt - (CHANGE_READINGS_BURST - 1) * CHANGE_READING_MS, engineOpenAt);
}

const earliestSnapshotAt = ({ notBefore, snapshotNotBefore }: Schedule): number =>
  Math.max(notBefore, snapshotNotBefore);

/**
 * Schedules a snapshot for a change. The earliest time counts, so a long burst of changes does not postpone the
 * snapshot.
 */
export const scheduleAfterEngineChange = (schedule: Schedule, now: number, coalesceMs: number): Schedule => ({
  ...schedule,
  changeAt: Math.min(schedule.changeAt ?? Number.POSITIVE_INFINITY, now + coalesceMs),
  ignoresSnapshotRequests: false,
});

/**
 * Removes the due snapshot from the schedule, just before the engine is read for that snapshot. Later changes schedule
 * another snapshot.
 */
export const scheduleAfterSnapshotStart = (schedule: Schedule, now: number): Schedule => ({
  // If the regular reading is due anyway, the change does not use up the budget.
  ...(schedule.changeAt === null || schedule.snapshotAt <= now ? schedule : spendChangeBudget(schedule, now)),
  changeAt: null,
  snapshotAt: Number.POSITIVE_INFINITY,
});

/**
 * Removes the pending change from the schedule, just before the engine is read for the journal. A snapshot follows as
 * soon as the server allows one.
 */
export const scheduleAfterRecordStart = (schedule: Schedule, now: number): Schedule => ({
  ...spendChangeBudget(schedule, now),
  changeAt: null,
  snapshotAt: Math.min(schedule.snapshotAt, earliestSnapshotAt(schedule)),
});

/** Subtracts a reading from the budget for changes. */
const spendChangeBudget = (schedule: Schedule, now: number): Schedule => ({
  ...schedule,
  changeBudgetFullAt: Math.max(now, schedule.changeBudgetFullAt) + CHANGE_READING_MS,
});

/** Schedules a snapshot after `delayMs`, unless a snapshot is due sooner. */
export const scheduleSnapshotWithin = (schedule: Schedule, now: number, delayMs: number): Schedule => ({
  ...schedule,
  snapshotAt: Math.min(schedule.snapshotAt, now + delayMs),
});

/**
 * Schedules the next calls after the answer to a snapshot. `isAccepted` is false if the server did not apply the
 * snapshot and would not apply the next one either. Changes that were recorded while the snapshot was in flight are
 * reported before the next regular snapshot.
 */
export const scheduleAfterSnapshotAnswer = (
  schedule: Schedule,
  now: number,
  answer: { cadence: Cadence; isAccepted: boolean },
  random: number,
): Schedule => ({
  ...schedule,
  cadence: answer.cadence,
  snapshotAt: Math.min(schedule.snapshotAt, now + snapshotDelayMs(answer.cadence, random)),
  heartbeatAt: now + heartbeatDelayMs(answer.cadence, random),
  notBefore: now,
  ignoresSnapshotRequests: !answer.isAccepted,
});

/** Schedules the next calls after the answer to a heartbeat. */
export const scheduleAfterHeartbeatAnswer = (
  schedule: Schedule,
  now: number,
  answer: { cadence: Cadence; snapshotRequired: boolean },
  random: number,
): Schedule => ({
  ...schedule,
  cadence: answer.cadence,
  snapshotAt: snapshotAfterHeartbeat(schedule, now, answer, random),
  heartbeatAt: now + heartbeatDelayMs(answer.cadence, random),
  notBefore: now,
});

function snapshotAfterHeartbeat(
  { snapshotAt, changeAt, ignoresSnapshotRequests }: Schedule,
  now: number,
  { cadence, snapshotRequired }: { cadence: Cadence; snapshotRequired: boolean },
  random: number,
): number {
  // The snapshot in flight is the snapshot that the server requests.
  if (snapshotAt === Number.POSITIVE_INFINITY) return snapshotAt;
  // While a change is pending, heartbeats confirm nothing, so the server requests a snapshot. The snapshot for the
  // change answers this request soon enough.
  if (snapshotRequired && !ignoresSnapshotRequests && changeAt === null) return now;
  // If the server has shortened the interval, the regular snapshot is due sooner.
  return Math.min(snapshotAt, now + snapshotDelayMs(cadence, random));
}

/** Retries the same action after `delayMs`, because the server failed or asked for a pause. */
export const scheduleAfterServerFailure = (
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
export const scheduleSnapshotRetry = (schedule: Schedule, now: number, delayMs: number): Schedule => ({
  ...schedule,
  snapshotAt: now,
  notBefore: now,
  snapshotNotBefore: now + delayMs,
});

/**
 * Retries reading the engine after `delayMs`. A new error is reported to the server immediately, and a known error with
 * the next regular heartbeat.
 */
export const scheduleAfterEngineFailure = (
  schedule: Schedule,
  now: number,
  delayMs: number,
  isNewError: boolean,
): Schedule => ({
  ...schedule,
  snapshotAt: now + delayMs,
  changeAt: null,
  heartbeatAt: isNewError ? now : schedule.heartbeatAt,
  ignoresSnapshotRequests: true,
});

/**
 * Skips a heartbeat that cannot be sent. The next heartbeat is due after the usual interval, or at `possibleAt` if that
 * is sooner.
 */
export const scheduleAfterSkippedHeartbeat = (
  schedule: Schedule,
  now: number,
  random: number,
  possibleAt = Number.POSITIVE_INFINITY,
): Schedule => ({
  ...schedule,
  heartbeatAt: Math.min(now + heartbeatDelayMs(schedule.cadence, random), Math.max(now, possibleAt)),
});

/**
 * Returns the milliseconds until the next heartbeat. Jitter only shortens the interval, so a heartbeat is never later
 * than the server expects.
 */
const heartbeatDelayMs = ({ heartbeatSeconds }: Cadence, random: number): number =>
  Math.max(INTERVAL_MS_MIN, heartbeatSeconds * 1_000 * (1 - JITTER_FRACTION * random));

/**
 * Returns the milliseconds until the next regular snapshot. Jitter only lengthens the interval, because each snapshot
 * makes the engine list its containers. In the meantime, heartbeats confirm the last snapshot.
 */
const snapshotDelayMs = ({ snapshotSeconds }: Cadence, random: number): number =>
  Math.max(INTERVAL_MS_MIN, snapshotSeconds * 1_000 * (1 + JITTER_FRACTION * random));
