import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';

/** Time from the first of several changes until the snapshot that contains them all. */
const COALESCE_MS = 1_000;

/** Maximum share by which jitter shortens an interval. */
const JITTER = 0.1;

const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 60_000;

/** What an agent sends periodically. */
export type Report = 'snapshot' | 'heartbeat';

/**
 * Decides what an agent sends next, and when, as the protocol requires. The class shares no code with the real agent,
 * so that a difference between the two reveals a mistake in one of them. Times are milliseconds of one monotonic clock;
 * `random` is in [0, 1).
 */
export class ReportSchedule {
  private snapshotAtMs = 0;
  private heartbeatAtMs = 0;
  /** Time of the snapshot that a change requires; null if nothing has changed since the last snapshot. */
  private changeAtMs: number | null = null;
  private notBeforeMs = 0;

  constructor(
    startAtMs: number,
    private readonly random: () => number,
  ) {
    this.start(startAtMs);
  }

  /** Schedules the snapshot with which an agent starts. */
  start(atMs: number): void {
    this.snapshotAtMs = atMs;
    this.heartbeatAtMs = atMs + CADENCE_DEFAULT.heartbeatSeconds * 1_000;
    this.changeAtMs = null;
    this.silence(atMs);
  }

  next(): { report: Report; atMs: number } {
    const wantedAtMs = Math.min(this.snapshotAtMs, this.changeAtMs ?? Number.POSITIVE_INFINITY);
    const atMs = Math.max(this.notBeforeMs, Math.min(wantedAtMs, this.heartbeatAtMs));
    return { report: wantedAtMs <= atMs ? 'snapshot' : 'heartbeat', atMs };
  }

  /** Whether a container has changed since the last snapshot. */
  get hasChange(): boolean {
    return this.changeAtMs !== null;
  }

  /** Schedules a snapshot a second after the first of several changes. */
  containerChanged(atMs: number): void {
    this.changeAtMs ??= atMs + COALESCE_MS;
  }

  /** Called when the containers have been read for a snapshot. A later change requires another snapshot. */
  snapshotStarted(): void {
    this.changeAtMs = null;
  }

  /** Schedules the next reports after a response. A heartbeat's response can require a snapshot. */
  answered(report: Report, nowMs: number, { snapshotSeconds, heartbeatSeconds }: Cadence, isRequired = false): void {
    const snapshotAtMs = isRequired ? nowMs : nowMs + this.intervalMs(snapshotSeconds);
    this.snapshotAtMs = report === 'snapshot' ? snapshotAtMs : Math.min(this.snapshotAtMs, snapshotAtMs);
    this.heartbeatAtMs = nowMs + this.intervalMs(heartbeatSeconds);
  }

  /** Schedules another attempt after `delayMs`. */
  failed(nowMs: number, delayMs: number, report: Report): void {
    if (report === 'snapshot') this.snapshotAtMs = nowMs;
    else this.heartbeatAtMs = nowMs;
    this.notBeforeMs = nowMs + delayMs;
  }

  /** Sends nothing until `untilMs`. */
  silence(untilMs: number): void {
    this.notBeforeMs = Math.max(this.notBeforeMs, untilMs);
  }

  private intervalMs(seconds: number): number {
    return seconds * 1_000 * (1 - JITTER * this.random());
  }
}

/**
 * Returns the delay before the next attempt: the delay that the server requires, plus a random part of a backoff time.
 * The backoff time doubles with each failure, up to a maximum. `failures` counts from 1.
 *
 * Source: "full jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const retryDelayMs = (failures: number, retryAfterMs: number | null, random: number): number =>
  (retryAfterMs ?? 0) + random * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 30));
