import type { SyncSummary } from '@muster/contracts';
import type { Logger } from 'pino';
import { SERVER_BACKOFF, retryDelayMs } from '../lib/backoff.js';
import type { LogOnce } from '../lib/log-once.js';
import type { Refusal } from '../muster/refusals.js';
import type { FailedAnswer, Session } from '../muster/session.js';

export interface ServerStateOptions {
  session: Pick<Session, 'isEnrolled'>;
  wallNow: () => Date;
  /** Returns a random number in [0, 1). */
  random: () => number;
  log: Logger;
  logOnce: LogOnce;
}

/** The wait after a failed call: its length in milliseconds, and the calls that it delays. */
export interface ServerDelay {
  /** `calls`: nothing is sent in the meantime. `snapshots`: heartbeats continue. */
  delayed: 'calls' | 'snapshots';
  delayMs: number;
  /** Why a server other than Muster refused the snapshot; null if none did. */
  foreignRefusal: string | null;
}

/** Whether the API answers. Records the answer, or the failure, of each call, and logs it. */
export interface ServerState {
  /** Returns when the API last answered; null if it never has. */
  acceptedAt(): Date | null;
  /** Returns why the last call failed, or why the API refuses the heartbeats; null if neither is the case. */
  error(): string | null;
  /** Records that the API answered a snapshot or a journal entry, even with a refusal. */
  recordSnapshotAnswered(): void;
  /** Logs that the API refused a snapshot or a journal entry. */
  logRefusal(action: 'snapshot' | 'journal', refusal: Refusal, message: string): void;
  /**
   * Logs what the API did with a snapshot. `retryInMs` is the wait if the API ignored the snapshot because of its time.
   */
  logSummary(summary: SyncSummary, retryInMs: number): void;
  recordHeartbeatAccepted(): void;
  recordHeartbeatRefused(refusal: Refusal): void;
  /** Records that a call failed. Returns the wait before the next call. */
  recordFailure(action: 'snapshot' | 'heartbeat', answer: FailedAnswer): ServerDelay;
}

/** Returns whether a failed call has the status of a refusal, so the refusal was not from Muster. */
const isRefusalStatus = (status: number | null): boolean =>
  status !== null && status >= 300 && status < 500 && status !== 408 && status !== 429;

export function createServerState({ session, wallNow, random, log, logOnce }: ServerStateOptions): ServerState {
  let failures = 0;
  /** Number of consecutive snapshots that the API answered with 429, or that a proxy refused. */
  let delayedSnapshots = 0;
  let failure: string | null = null;
  /** Why the API refused the last heartbeat; null if it did not. */
  let heartbeatRefusal: string | null = null;
  let acceptedAt: Date | null = null;

  function recordAnswered(): void {
    failures = 0;
    failure = null;
    acceptedAt = wallNow();
  }

  /**
   * Logs a refusal once per status and problem type. The text of the reason cannot be compared, because it contains the
   * request's id.
   */
  const logRefusal = (action: string, { status, problemType, reason }: Refusal, message: string): void =>
    void logOnce('error', `${action} ${status} ${problemType}`, message, { reason });

  /** Records that a snapshot was not accepted although the API answers. Returns the wait before the next snapshot. */
  const delaySnapshot = ({ retryAfterMs }: Exclude<FailedAnswer, { kind: 'unauthorized' }>): number =>
    Math.round(retryDelayMs(++delayedSnapshots, retryAfterMs, random(), SERVER_BACKOFF));

  return {
    acceptedAt: () => acceptedAt,
    error: () => failure ?? heartbeatRefusal,
    recordSnapshotAnswered() {
      delayedSnapshots = 0;
      recordAnswered();
    },
    logRefusal,
    logSummary({ applied, reason, received, created, updated, removed, revision }, retryInMs) {
      const counts = { received, created, updated, removed, revision };
      if (applied) log[created + updated + removed > 0 ? 'info' : 'debug'](counts, 'snapshot applied');
      else if (reason === 'stream_superseded') {
        log.warn('snapshot not applied: another agent reports with this host’s token (a cloned machine?)');
      } else if (reason === 'observed_earlier') {
        const message = 'snapshot not applied: this machine’s clock is behind its time in the agent’s previous run';
        logOnce('warn', reason, message, { retryInMs });
      } else log.warn({ reason }, 'snapshot not applied: the API has a newer one');
    },
    recordHeartbeatAccepted() {
      recordAnswered();
      heartbeatRefusal = null;
    },
    recordHeartbeatRefused(refusal) {
      failures = 0;
      heartbeatRefusal = `the API, or a proxy in front of it, refuses the heartbeats: ${refusal.reason}`;
      logRefusal('heartbeat', refusal, 'the API refused this heartbeat: sending the next one as usual');
    },
    recordFailure(action, answer) {
      const { reason } = answer;
      failures++;
      failure = reason;
      if (answer.kind === 'unauthorized') {
        const retryInMs = Math.round(answer.retryInMs);
        log.error({ reason, retryInMs }, 'the API rejects this machine: keeping its token and state, and retrying');
        return { delayed: 'calls', delayMs: answer.retryInMs, foreignRefusal: null };
      }
      // A proxy may refuse only snapshots, so heartbeats continue and report the problem.
      if (action === 'snapshot' && isRefusalStatus(answer.status) && session.isEnrolled()) {
        const delayMs = delaySnapshot(answer);
        const message = 'the snapshot was refused, but not by Muster: keeping its changes and retrying';
        logOnce('error', `snapshot foreign ${answer.status}`, message, { reason, retryInMs: delayMs });
        return { delayed: 'snapshots', delayMs, foreignRefusal: reason };
      }
      // If the machine is not enrolled, the 429 is the answer to the enrollment, not to a snapshot.
      if (action === 'snapshot' && answer.status === 429 && session.isEnrolled()) {
        const delayMs = delaySnapshot(answer);
        const details = { reason, tries: delayedSnapshots, retryInMs: delayMs };
        log.warn(details, 'the API limits the rate of this host’s snapshots');
        return { delayed: 'snapshots', delayMs, foreignRefusal: null };
      }
      const delayMs = retryDelayMs(failures, answer.retryAfterMs, random(), SERVER_BACKOFF);
      const message = session.isEnrolled() ? 'the call to the API failed' : 'this machine cannot be enrolled now';
      log.warn({ reason, tries: failures, retryInMs: Math.round(delayMs) }, message);
      return { delayed: 'calls', delayMs, foreignRefusal: null };
    },
  };
}
