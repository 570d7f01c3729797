import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';

/**
 * When what is to be sent next. All times are milliseconds of one monotonic clock; every function here is pure and
 * gives a new pace. At most one thing is ever due, so at most one request is ever in flight.
 */
export interface Pace {
  readonly cadence: Cadence;
  /** The next regular snapshot, or the next try at one; infinite while one is under way. */
  readonly snapshotAt: number;
  /** The snapshot that a change of the engine asks for; null: nothing changed since the last look. */
  readonly changeAt: number | null;
  readonly heartbeatAt: number;
  /** Nothing is sent before this: the server failed, or asked to be left alone. */
  readonly notBefore: number;
  /** No snapshot is sent before this, though heartbeats are: the server has enough of this host's snapshots for now. */
  readonly snapshotNotBefore: number;
  /** Another snapshot now would meet the same end as the last, so a server's wish for one is not obeyed. */
  readonly holding: boolean;
}

/** From the first of a burst of events to the snapshot of them all. */
export const COALESCE_MS = 1_000;

/** No server makes an agent busier than this, whatever it says. */
const INTERVAL_MS_MIN = 100;

/** The share of an interval that chance has a say in, so that agents started together do not stay together. */
const SPREAD = 0.1;

/** A snapshot at once. */
export const startPace = (now: number): Pace => ({
  cadence: CADENCE_DEFAULT,
  snapshotAt: now,
  changeAt: null,
  heartbeatAt: now + CADENCE_DEFAULT.heartbeatSeconds * 1_000,
  notBefore: now,
  snapshotNotBefore: now,
  holding: false,
});

/** What an agent can have to do; `record`: look at a change that the server cannot be told of yet. */
export type Action = 'snapshot' | 'heartbeat' | 'record';

/** What to do next, and when. */
export function nextStep(pace: Pace): { action: Action; at: number } {
  const { snapshotAt, changeAt, heartbeatAt, notBefore } = pace;
  const snapshotsFrom = snapshotsAllowedFrom(pace);
  const snapshot = Math.max(snapshotsFrom, Math.min(snapshotAt, changeAt ?? Number.POSITIVE_INFINITY));
  const heartbeat = Math.max(notBefore, heartbeatAt);
  if (changeAt !== null && changeAt < snapshotsFrom && changeAt <= heartbeat) return { action: 'record', at: changeAt };
  return snapshot <= heartbeat ? { action: 'snapshot', at: snapshot } : { action: 'heartbeat', at: heartbeat };
}

const snapshotsAllowedFrom = ({ notBefore, snapshotNotBefore }: Pace): number => Math.max(notBefore, snapshotNotBefore);

/** The engine changed. A burst does not put its own snapshot off: it comes `coalesceMs` after the first change. */
export const engineChanged = (pace: Pace, now: number, coalesceMs: number): Pace => ({
  ...pace,
  changeAt: pace.changeAt ?? now + coalesceMs,
  holding: false,
});

/** The engine is being read: what changes from now on asks for another look, and nothing else for another snapshot. */
export const snapshotBegun = (pace: Pace): Pace => ({
  ...pace,
  changeAt: null,
  snapshotAt: Number.POSITIVE_INFINITY,
});

/** The engine is being read for the journal: the server is told as soon as it can be. */
export const recordBegun = (pace: Pace): Pace => ({
  ...pace,
  changeAt: null,
  snapshotAt: Math.min(pace.snapshotAt, snapshotsAllowedFrom(pace)),
});

/**
 * The server answered a snapshot. `taken`: false when it would not apply it, and would not the next either. What was
 * recorded while it was under way does not wait for the next regular one.
 */
export const snapshotAnswered = (
  pace: Pace,
  now: number,
  answer: { cadence: Cadence; taken: boolean },
  random: number,
): Pace => ({
  ...pace,
  cadence: answer.cadence,
  snapshotAt: Math.min(pace.snapshotAt, now + untilSnapshot(answer.cadence, random)),
  heartbeatAt: now + untilHeartbeat(answer.cadence, random),
  notBefore: now,
  holding: !answer.taken,
});

/** The server answered a heartbeat. */
export const heartbeatAnswered = (
  pace: Pace,
  now: number,
  answer: { cadence: Cadence; snapshotRequired: boolean },
  random: number,
): Pace => ({
  ...pace,
  cadence: answer.cadence,
  // A regular snapshot may now be due sooner than by the cadence before.
  snapshotAt:
    answer.snapshotRequired && !pace.holding
      ? now
      : Math.min(pace.snapshotAt, now + untilSnapshot(answer.cadence, random)),
  heartbeatAt: now + untilHeartbeat(answer.cadence, random),
  notBefore: now,
});

/** The server could not be asked, or did not want to be: the same action is due again, after `delayMs`. */
export const serverFailed = (pace: Pace, now: number, delayMs: number, action: Exclude<Action, 'record'>): Pace => ({
  ...pace,
  snapshotAt: action === 'snapshot' ? now : pace.snapshotAt,
  heartbeatAt: action === 'heartbeat' ? now : pace.heartbeatAt,
  notBefore: now + delayMs,
});

/** The server takes no more snapshots of this host for `delayMs`: the same is due again then, and heartbeats as usual. */
export const snapshotDelayed = (pace: Pace, now: number, delayMs: number): Pace => ({
  ...pace,
  snapshotAt: now,
  notBefore: now,
  snapshotNotBefore: now + delayMs,
});

/**
 * The engine could not be read: the next try after `delayMs`. The server hears of it at once
 * where that is news, otherwise with the next regular heartbeat.
 */
export const engineFailed = (pace: Pace, now: number, delayMs: number, isNews: boolean): Pace => ({
  ...pace,
  snapshotAt: now + delayMs,
  changeAt: null,
  heartbeatAt: isNews ? now : pace.heartbeatAt,
  holding: true,
});

/** No heartbeat can be sent this time; the next is due as usual. */
export const heartbeatSkipped = (pace: Pace, now: number, random: number): Pace => ({
  ...pace,
  heartbeatAt: now + untilHeartbeat(pace.cadence, random),
});

/** Not later than the server expects to hear of us. */
const untilHeartbeat = ({ heartbeatSeconds }: Cadence, random: number): number =>
  Math.max(INTERVAL_MS_MIN, heartbeatSeconds * 1_000 * (1 - SPREAD * random));

/** Not sooner than the server wants: each costs the engine a list, and heartbeats vouch for the last one meanwhile. */
const untilSnapshot = ({ snapshotSeconds }: Cadence, random: number): number =>
  Math.max(INTERVAL_MS_MIN, snapshotSeconds * 1_000 * (1 + SPREAD * random));
