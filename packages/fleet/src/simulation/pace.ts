import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';

/*
 * The pace of an agent, as the protocol has it: written anew rather than taken from the agent, so that a mistake in
 * one of them is seen and not made twice. Times are milliseconds of one monotonic clock; `random` is in [0, 1).
 */
export interface Pace {
  readonly cadence: Cadence;
  readonly snapshotAt: number;
  /** When the snapshot is due that a change asks for; null: nothing changed since the last one. */
  readonly changeAt: number | null;
  readonly heartbeatAt: number;
  /** Nothing is sent before this. */
  readonly notBefore: number;
}

/** From the first of a burst of changes to the snapshot of them all. */
const COALESCE_MS = 1_000;

/** The share of an interval that chance takes off it. */
const SPREAD = 0.1;

/** The longest wait between two tries, and the one that the first is drawn from. */
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 60_000;

/** An agent that begins at `atMs`: with a snapshot at once. */
export const startPace = (atMs: number): Pace => ({
  cadence: CADENCE_DEFAULT,
  snapshotAt: atMs,
  changeAt: null,
  heartbeatAt: atMs + CADENCE_DEFAULT.heartbeatSeconds * 1_000,
  notBefore: atMs,
});

/** What to send next, and when. */
export function nextStep({ snapshotAt, changeAt, heartbeatAt, notBefore }: Pace): {
  action: 'snapshot' | 'heartbeat';
  atMs: number;
} {
  const wanted = Math.min(snapshotAt, changeAt ?? Number.POSITIVE_INFINITY);
  const atMs = Math.max(notBefore, Math.min(wanted, heartbeatAt));
  return { action: wanted <= atMs ? 'snapshot' : 'heartbeat', atMs };
}

/** A container changed: a snapshot follows within a second, one for a whole burst. */
export const changed = (schedule: Pace, atMs: number): Pace => ({
  ...schedule,
  changeAt: schedule.changeAt ?? atMs + COALESCE_MS,
});

/** The containers are being read: a change from now on asks for another snapshot. */
export const snapshotBegun = (schedule: Pace): Pace => ({ ...schedule, changeAt: null });

/** The server answered a snapshot. */
export const snapshotAnswered = (schedule: Pace, nowMs: number, cadence: Cadence, random: number): Pace => ({
  ...schedule,
  cadence,
  snapshotAt: nowMs + interval(cadence.snapshotSeconds, random),
  heartbeatAt: nowMs + interval(cadence.heartbeatSeconds, random),
});

/** The server answered a heartbeat. */
export const heartbeatAnswered = (
  schedule: Pace,
  nowMs: number,
  { cadence, snapshotRequired }: { cadence: Cadence; snapshotRequired: boolean },
  random: number,
): Pace => ({
  ...schedule,
  cadence,
  snapshotAt: snapshotRequired
    ? nowMs
    : Math.min(schedule.snapshotAt, nowMs + interval(cadence.snapshotSeconds, random)),
  heartbeatAt: nowMs + interval(cadence.heartbeatSeconds, random),
});

/** The same is to be tried again, after `delayMs`. */
export const failed = (schedule: Pace, nowMs: number, delayMs: number, action: 'snapshot' | 'heartbeat'): Pace => ({
  ...schedule,
  ...(action === 'snapshot' ? { snapshotAt: nowMs } : { heartbeatAt: nowMs }),
  notBefore: nowMs + delayMs,
});

/** Nothing can be sent until `untilMs`. */
export const silenced = (schedule: Pace, untilMs: number): Pace => ({
  ...schedule,
  notBefore: Math.max(schedule.notBefore, untilMs),
});

const interval = (seconds: number, random: number): number => seconds * 1_000 * (1 - SPREAD * random);

/**
 * The wait before the next try: at least what the server asked for, and evenly between nothing and a doubling, capped
 * wait on top. `failures` counts from 1.
 *
 * Source: "full jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const retryDelayMs = (failures: number, retryAfterMs: number | null, random: number): number =>
  (retryAfterMs ?? 0) + random * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 30));
