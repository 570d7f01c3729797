import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProblem, SyncSummary } from '@muster/contracts';
import type { Logger } from 'pino';
import { ENGINE_BACKOFF, SERVER_BACKOFF, fullJitterMs, retryDelayMs } from '../lib/backoff.js';
import { withBackgroundTask } from '../lib/background-task.js';
import type { Journal } from './journal.js';
import type { MusterClient } from '../muster/client.js';
import { isFailedCall, type FailedAnswer, type Session } from '../muster/session.js';
import type { EngineFault, EnginePoller, EngineReading } from '../engine/engine-poller.js';
import {
  scheduleAfterEngineChange,
  scheduleAfterEngineFailure,
  scheduleAfterHeartbeatAnswer,
  scheduleAfterSkippedHeartbeat,
  nextAction,
  scheduleAfterRecordStart,
  scheduleAfterServerFailure,
  scheduleAfterSnapshotAnswer,
  scheduleAfterSnapshotStart,
  scheduleAfterSnapshotDelay,
  createSchedule,
} from './schedule.js';
import { composeHeartbeat, problemsOf, type ReportFaults } from './heartbeat.js';
import { createReplayCall, replayJournal } from './journal-replay.js';
import { postSnapshot } from './post-snapshot.js';
import type { ReportedIds } from './reported-ids.js';
import type { SnapshotStream } from './snapshot-stream.js';

/** Reports one engine to one API until it is stopped. */
export interface Reporter {
  /** Runs until the signal is aborted. Throws `StopError` if the machine was never enrolled and cannot be enrolled. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Records that the engine's containers changed. Shortly afterwards, one snapshot is sent for all calls in a burst.
   */
  markChanged(): void;
  /**
   * Records that changes may have been missed. Heartbeats stop confirming the last snapshot, and the engine is read
   * immediately.
   */
  invalidate(): void;
  /** Returns the current state for the `status` command. */
  progress(): ReportingProgress;
}

/** The state of the reporter. Times are RFC 3339 and come from this machine's clock. */
export interface ReportingProgress {
  /** When the API last answered a snapshot or a heartbeat; null if it never has. */
  acceptedAt: string | null;
  /** Number of containers in the last successful reading; null before the first one. */
  containers: number | null;
  /** Why the engine cannot be read; null if it can. */
  engineError: string | null;
  /** Why the last call to the API failed; null if it succeeded. */
  serverError: string | null;
  /** Number of journal entries that have not been sent to the API. */
  journalEntries: number;
  /** True if another agent reports with this host's token. */
  isSuperseded: boolean;
  /** Reasons why the host's state in Muster is not current or complete, including the engine's error. */
  problems: AgentProblem[];
}

export interface ReporterOptions {
  poller: EnginePoller;
  client: MusterClient;
  session: Session;
  stream: SnapshotStream;
  journal: Journal;
  reportedIds: ReportedIds;
  wallNow: () => Date;
  /** Returns monotonic time in milliseconds. */
  now: () => number;
  /** Returns a random number in [0, 1). */
  random: () => number;
  log: Logger;
  /** How long a burst of engine events is collected before a snapshot, in milliseconds. */
  coalesceMs: number;
  /** Called each time the engine cannot be read, except if it answers with more data than the agent accepts. */
  onEngineFailure(): void;
}

/**
 * Maximum duration of one timer, in milliseconds. Longer waits are split because Node's timers overflow after 24.8
 * days.
 */
const SLEEP_MS_MAX = 86_400_000;

/** Creates a reporter. It does nothing until `run` is called. */
export function createReporter(options: ReporterOptions): Reporter {
  const { poller, client, session, stream, journal, reportedIds, now, wallNow, random, log, coalesceMs } = options;
  let schedule = createSchedule(now());
  /** Digest that the API returned for the last applied snapshot; null if heartbeats must not confirm a snapshot. */
  let digest: string | null = null;
  const faults: ReportFaults = { engine: null, incompleteness: null, refusal: null };
  let engineFailures = 0;
  let serverFailures = 0;
  /** Number of consecutive snapshots that the API answered with 429. */
  let delayedSnapshots = 0;
  let serverError: string | null = null;
  let acceptedAt: Date | null = null;
  let containers: number | null = null;
  let isSuperseded = false;
  /** The reading whose snapshot is in flight; null once the API has answered or the journal contains the reading. */
  let unansweredReading: EngineReading | null = null;
  let wake = new AbortController();

  function markChanged(afterMs = coalesceMs): void {
    schedule = scheduleAfterEngineChange(schedule, now(), afterMs);
    wake.abort();
  }

  async function pollEngine(signal: AbortSignal): Promise<EngineReading | null> {
    const result = await poller.poll(signal);
    if (result.kind === 'ok') {
      recordEngineReadable(result);
      return result;
    }
    recordEngineFault(result.fault, result.isEngineResponsive);
    return null;
  }

  async function sendSnapshot(signal: AbortSignal): Promise<void> {
    if (!(await replay(signal))) return;
    schedule = scheduleAfterSnapshotStart(schedule);
    const reading = await pollEngine(signal);
    if (reading === null) return;
    unansweredReading = reading;
    // The API may have refused the last snapshot because the API still holds too many containers that an earlier run
    // reported. This run does not know the ids of these containers, but a complete snapshot removes them.
    const isComplete = reading.incompleteness === null || faults.refusal !== null;
    const answer = await postSnapshot({ client, stream, reportedIds, call }, reading, isComplete, signal);
    if (isFailedCall(answer)) {
      await recordUnanswered();
      return void recordServerFailure('snapshot', answer);
    }
    unansweredReading = null;
    delayedSnapshots = 0;
    recordAnswered();
    if (answer.kind === 'refused') {
      digest = null;
      faults.refusal = answer.reason;
      log.error({ reason: answer.reason }, 'the API refused this snapshot: retrying at the regular interval');
      schedule = scheduleAfterSnapshotAnswer(
        schedule,
        now(),
        { cadence: schedule.cadence, isAccepted: false },
        random(),
      );
      return;
    }
    faults.refusal = null;
    // If the journal is not empty, it holds changes that are newer than this snapshot.
    if (answer.data.applied && journal.size() === 0) journal.setBaseline(reading.containers);
    await session.recordSuperseded(answer.data.reason === 'stream_superseded');
    recordSummary(answer.data);
  }

  /** Reads the engine and writes its changes to the journal, because no snapshot can be sent yet. */
  async function recordChange(signal: AbortSignal): Promise<void> {
    schedule = scheduleAfterRecordStart(schedule);
    const reading = await pollEngine(signal);
    if (reading === null) return;
    await recordUnanswered();
    await recordInJournal(reading);
  }

  const recordInJournal = ({ containers: observedContainers, presentIds, observedAt }: EngineReading): Promise<void> =>
    journal.record(observedContainers, () => stream.next(observedAt), presentIds);

  /**
   * Writes the reading whose snapshot is in flight to the journal, because the API's answer may never arrive. This must
   * happen before any newer change is recorded. If the API did receive the snapshot, sending it again changes nothing.
   */
  async function recordUnanswered(): Promise<void> {
    if (unansweredReading === null) return;
    const reading = unansweredReading;
    unansweredReading = null;
    await recordInJournal(reading);
  }

  /**
   * Makes a call. Changes that happen while the call is in flight are recorded in the journal, even if the call hangs.
   */
  const call: Session['call'] = (request, facts, signal) =>
    withBackgroundTask(session.call(request, facts, signal), async (callEnded) => {
      while (!callEnded.aborted) {
        const waitMs = (schedule.changeAt ?? Number.POSITIVE_INFINITY) - now();
        if (waitMs > 0) await idle(waitMs, callEnded);
        else await recordChange(signal);
      }
    });

  /** Sends the journal's entries. Returns false if the API cannot accept them yet. */
  async function replay(signal: AbortSignal): Promise<boolean> {
    // Without an enrollment, the journal and the reported ids belong to an earlier enrollment of this machine.
    if (!session.isEnrolled()) {
      if (journal.size() > 0) await journal.clear();
      await reportedIds.clear();
    }
    const failed = await replayJournal(journal, {
      async send(entry, mayJournalGrow) {
        const request = await createReplayCall(client, entry, signal);
        const facts = poller.facts();
        return mayJournalGrow ? call(request, facts, signal) : session.call(request, facts, signal);
      },
      async recordSent(entry, answer) {
        delayedSnapshots = 0;
        recordAnswered();
        if (answer.kind === 'refused') log.error({ reason: answer.reason }, 'the API refused a journal entry: skipped');
        else if (answer.data.applied && faults.incompleteness !== null) {
          const ids = entry.containers.map(({ dockerId }) => dockerId);
          await reportedIds.update(ids, entry.goneIds);
        }
      },
    });
    if (failed !== null) recordServerFailure('snapshot', failed);
    return failed === null;
  }

  function recordSummary(summary: SyncSummary): void {
    const { applied, reason, received, created, updated, removed, revision, cadence } = summary;
    digest = applied && faults.incompleteness === null ? summary.digest : null;
    isSuperseded = reason === 'stream_superseded';
    const counts = { received, created, updated, removed, revision };
    if (applied) log[created + updated + removed > 0 ? 'info' : 'debug'](counts, 'snapshot applied');
    else if (reason === 'stream_superseded') {
      log.warn('snapshot not applied: another agent reports with this host’s token (a cloned machine?)');
    } else log.warn({ reason }, 'snapshot not applied: the API has a newer one, or this machine’s clock was set back');
    const isNewStream = stream.recordAnswer(summary, now());
    if (isNewStream) log.warn('the other agent has stopped reporting: reporting as this host again');
    // After an incomplete snapshot, the API has no digest, so it requests a snapshot at each heartbeat. The agent
    // ignores these requests.
    const isAccepted = applied && faults.incompleteness === null;
    schedule = scheduleAfterSnapshotAnswer(schedule, now(), { cadence, isAccepted }, random());
    if (isNewStream) markChanged();
  }

  async function sendHeartbeat(signal: AbortSignal): Promise<void> {
    if (faults.engine === null) {
      // If the engine is frozen, its event stream stays open but silent. Without this check, heartbeats would confirm
      // the engine's last state until the next time the containers are listed.
      const fault = await poller.check(signal);
      if (fault !== null) recordEngineFault(fault, false);
    }
    if (!session.isEnrolled() && poller.facts() === null) {
      schedule = scheduleAfterSkippedHeartbeat(schedule, now(), random());
      return;
    }
    // While a change is unreported, the last snapshot does not match the current state.
    const isCurrent = faults.engine === null && schedule.changeAt === null && journal.size() === 0;
    const heartbeat = composeHeartbeat(faults, isCurrent ? digest : null, poller.facts(), wallNow());
    const answer = await call(
      (token) => client.heartbeat(token, heartbeat, stream.current(), signal),
      poller.facts(),
      signal,
    );
    if (isFailedCall(answer)) return void recordServerFailure('heartbeat', answer);
    recordAnswered();
    if (answer.kind === 'refused') {
      log.error({ reason: answer.reason }, 'the API refused this heartbeat: sending the next one as usual');
      schedule = scheduleAfterSkippedHeartbeat(schedule, now(), random());
      return;
    }
    schedule = scheduleAfterHeartbeatAnswer(schedule, now(), answer.data, random());
  }

  function recordEngineFault(fault: EngineFault, isEngineResponsive: boolean): void {
    const { message } = fault;
    const isNewError = message !== faults.engine?.message;
    engineFailures++;
    const delayMs = isEngineResponsive
      ? schedule.cadence.snapshotSeconds * 1_000
      : fullJitterMs(engineFailures, random(), ENGINE_BACKOFF);
    const details = { engineError: message, retryInMs: Math.round(delayMs) };
    if (isNewError) log.error(details, 'cannot list the containers: reporting the error instead of a snapshot');
    else log.debug(details, 'still cannot list the containers');
    faults.engine = fault;
    digest = null;
    schedule = scheduleAfterEngineFailure(schedule, now(), delayMs, isNewError);
    if (!isEngineResponsive) options.onEngineFailure();
  }

  function recordEngineReadable(reading: EngineReading): void {
    containers = reading.presentIds.size;
    if (faults.engine !== null) log.info({ containers }, 'the engine can be read again');
    if (faults.incompleteness === null && reading.incompleteness !== null) {
      log.warn({ reason: reading.incompleteness }, 'not all containers can be reported');
    }
    faults.incompleteness = reading.incompleteness;
    faults.engine = null;
    engineFailures = 0;
  }

  function recordAnswered(): void {
    serverFailures = 0;
    serverError = null;
    acceptedAt = wallNow();
  }

  function recordServerFailure(action: 'snapshot' | 'heartbeat', answer: FailedAnswer): void {
    const { reason } = answer;
    serverFailures++;
    serverError = reason;
    if (answer.kind === 'unauthorized') {
      const retryInMs = Math.round(answer.retryInMs);
      log.error({ reason, retryInMs }, 'the API rejects this machine: keeping its token and state, and retrying');
      schedule = scheduleAfterServerFailure(schedule, now(), answer.retryInMs, action);
      return;
    }
    // If the machine is not enrolled, the 429 is the answer to the enrollment, not to a snapshot.
    if (action === 'snapshot' && answer.status === 429 && session.isEnrolled()) {
      const retryInMs = Math.round(retryDelayMs(++delayedSnapshots, answer.retryAfterMs, random(), SERVER_BACKOFF));
      log.warn({ reason, tries: delayedSnapshots, retryInMs }, 'the API limits the rate of this host’s snapshots');
      schedule = scheduleAfterSnapshotDelay(schedule, now(), retryInMs);
      return;
    }
    const delayMs = retryDelayMs(serverFailures, answer.retryAfterMs, random(), SERVER_BACKOFF);
    log.warn({ reason, tries: serverFailures, retryInMs: Math.round(delayMs) }, 'the call to the API failed');
    schedule = scheduleAfterServerFailure(schedule, now(), delayMs, action);
  }

  async function idle(ms: number, signal: AbortSignal): Promise<void> {
    wake = new AbortController();
    const combinedSignal = AbortSignal.any([signal, wake.signal]);
    await sleep(Math.min(ms, SLEEP_MS_MAX), undefined, { signal: combinedSignal }).catch(() => undefined);
  }

  const actions = { snapshot: sendSnapshot, heartbeat: sendHeartbeat, record: recordChange };

  return {
    markChanged: () => markChanged(),
    invalidate: () => markChanged(0),
    progress: () => ({
      acceptedAt: acceptedAt?.toISOString() ?? null,
      containers,
      serverError,
      isSuperseded,
      engineError: faults.engine?.message ?? null,
      journalEntries: journal.size(),
      problems: problemsOf(faults),
    }),
    async run(signal) {
      try {
        while (!signal.aborted) {
          const { action, at } = nextAction(schedule);
          const waitMs = at - now();
          if (waitMs > 0) await idle(waitMs, signal);
          else await actions[action](signal);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}
