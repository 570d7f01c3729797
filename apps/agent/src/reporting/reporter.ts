import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProblem, SyncSummary } from '@muster/contracts';
import type { Logger } from 'pino';
import { withBackgroundTask } from '../lib/background-task.js';
import { createLogOnce } from '../lib/log-once.js';
import type { Journal } from './journal.js';
import type { MusterClient } from '../muster/client.js';
import { isContainerLimitRefusal } from '../muster/refusals.js';
import { isFailedCall, retryIfForeign, type FailedAnswer, type Session } from '../muster/session.js';
import type { EngineGate } from '../engine/engine-gate.js';
import type { EngineFault, EnginePoller, EngineReading } from '../engine/engine-poller.js';
import type { MachineFacts } from '../engine/identity.js';
import {
  scheduleAfterEngineChange,
  scheduleAfterEngineFailure,
  scheduleAfterHeartbeatAnswer,
  scheduleAfterSkippedHeartbeat,
  changeReadingAt,
  nextAction,
  scheduleAfterRecordStart,
  scheduleAfterServerFailure,
  scheduleAfterSnapshotAnswer,
  scheduleAfterSnapshotStart,
  scheduleSnapshotRetry,
  scheduleSnapshotWithin,
  createSchedule,
} from './schedule.js';
import { createEngineState } from './engine-state.js';
import { createFactsReport } from './facts-report.js';
import { composeHeartbeat, problemsOf, type ReportFaults } from './heartbeat.js';
import { createReplayCall, replayJournal } from './journal-replay.js';
import { hasPortRange } from './encode-snapshot.js';
import { postSnapshot } from './post-snapshot.js';
import { createReadingJournal } from './reading-journal.js';
import type { ReportedIds } from './reported-ids.js';
import { createServerState } from './server-state.js';
import type { SnapshotStream } from './snapshot-stream.js';

/** Reports one engine to one API until it is stopped. */
export interface Reporter {
  /** Runs until the signal is aborted. Throws `StopError` if the machine was never enrolled and cannot be enrolled. */
  run(signal: AbortSignal): Promise<void>;
  /** Records that the engine's containers changed. A burst of calls leads to one snapshot shortly afterwards. */
  markChanged(): void;
  /**
   * Records that changes may have been missed. Heartbeats stop confirming the last snapshot, and the engine is read as
   * soon as possible.
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
  /** Number of containers in the last successful reading with a field that was shortened because it exceeds a limit. */
  truncatedContainers: number;
  /** Why the engine cannot be read; null if it can. */
  engineError: string | null;
  /** Why the last call to the API failed, or why the API refuses the heartbeats; null if neither is the case. */
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
  /** The backoff in front of the engine. It closes after each failure and opens after each successful reading. */
  gate: EngineGate;
  /** The facts with which a machine is enrolled if its engine has reported no facts for `enrollWithoutEngineMs`. */
  factsWithoutEngine: MachineFacts;
  enrollWithoutEngineMs: number;
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
  /** Called each time the engine does not answer, because an open event stream may then be dead. */
  onEngineSilence(): void;
  /** Returns whether the engine's events are being received. If so, changes become known between two readings. */
  receivesEvents: () => boolean;
}

/**
 * Maximum duration of one timer, in milliseconds. Longer waits are split because Node's timers overflow after 24.8
 * days.
 */
const SLEEP_MS_MAX = 86_400_000;

/**
 * If a reading takes longer than this, in milliseconds, heartbeats are sent in the meantime. The engine is then read
 * only at the regular interval.
 */
const SLOW_READING_MS = 1_000;

/** Maximum time after the start of a reading at which a heartbeat still confirms the last snapshot, in milliseconds. */
const CONFIRMING_MS_MAX = 15_000;

/**
 * Wait before the next snapshot, in milliseconds, if the API ignored a snapshot because of the host's clock. This
 * happens if the clock was ahead during an earlier run of the agent. The API ignores the snapshots of this run for at
 * most a minute.
 */
const EARLIER_CLOCK_RETRY_MS = 15_000;

/** Creates a reporter. It does nothing until `run` is called. */
export function createReporter(options: ReporterOptions): Reporter {
  const { poller, gate, client, session, stream, journal, reportedIds, now, wallNow, random, log, coalesceMs } =
    options;
  const logOnce = createLogOnce(log, now);
  const engine = createEngineState({ ...options, logOnce });
  const server = createServerState({ ...options, logOnce });
  const readings = createReadingJournal(journal, stream);
  const factsReport = createFactsReport({ ...options, engineId: (machine) => session.engineId(machine) });
  let schedule = createSchedule(now());
  /** Digest that the API returned for the last applied snapshot; null if heartbeats must not confirm a snapshot. */
  let digest: string | null = null;
  /** Why the last snapshot was refused; null if it was not. */
  let snapshotRefusal: string | null = null;
  /** True if the API refused the last snapshot because it holds too many containers of this host. */
  let isAtContainerLimit = false;
  /** How long the last reading of the engine took, in milliseconds. */
  let readingMs = 0;
  let isSuperseded = false;
  /** Whether the last snapshot contained ranges of ports as ranges; null if the last reading had no ranges. */
  let sentPortRanges: boolean | null = null;
  let wake = new AbortController();

  function markChanged(afterMs = coalesceMs): void {
    schedule = scheduleAfterEngineChange(schedule, now(), afterMs);
    wake.abort();
  }

  const currentFaults = (): ReportFaults => ({
    engine: engine.fault(),
    incompleteness: engine.incompleteness(),
    refusal: snapshotRefusal,
  });

  async function pollEngine(signal: AbortSignal): Promise<EngineReading | null> {
    const startedAt = now();
    const portRanges = session.acceptsPortRanges();
    const result = await poller.poll(portRanges, signal);
    readingMs = now() - startedAt;
    if (result.kind === 'ok') {
      engine.recordReadable(result);
      sentPortRanges = result.containers.some(hasPortRange) ? portRanges : null;
      return result;
    }
    recordEngineFault(result.fault);
    return null;
  }

  /**
   * Calls `pollEngine`. If the engine is slow, sends heartbeats in the meantime, so that the host does not become
   * stale. If `mayConfirm` is true, the heartbeats of the first `CONFIRMING_MS_MAX` confirm the last snapshot.
   */
  async function pollWithHeartbeats(signal: AbortSignal, mayConfirm: boolean): Promise<EngineReading | null> {
    const startedAt = now();
    return withBackgroundTask(pollEngine(signal), async (pollEnded) => {
      while (!pollEnded.aborted) {
        const dueAt = Math.max(startedAt + SLOW_READING_MS, schedule.notBefore, schedule.heartbeatAt);
        if (dueAt > now()) await idle(dueAt - now(), pollEnded);
        else await sendHeartbeatWhileReading(signal, mayConfirm && now() - startedAt < CONFIRMING_MS_MAX);
      }
    });
  }

  async function sendSnapshot(signal: AbortSignal): Promise<void> {
    if (!(await replay(signal))) return;
    const isWithoutChange = isUnchanged();
    schedule = scheduleAfterSnapshotStart(schedule, now());
    const reading = await pollWithHeartbeats(signal, isWithoutChange);
    if (reading === null) return;
    readings.recordSent(reading);
    if (schedule.notBefore > now()) {
      // One of the heartbeats that were sent in the meantime failed.
      await readings.recordUnanswered();
      schedule = scheduleSnapshotWithin(schedule, now(), 0);
      return;
    }
    // The API may still hold containers that an earlier run reported. This run does not know their ids, but a complete
    // snapshot removes them.
    const isComplete = reading.incompleteness === null || isAtContainerLimit;
    const answer = retryIfForeign(
      await postSnapshot({ client, stream, reportedIds, call }, reading, isComplete, signal),
    );
    if (isFailedCall(answer)) {
      await readings.recordUnanswered();
      return void recordServerFailure('snapshot', answer);
    }
    readings.recordAnswered();
    isAtContainerLimit = isContainerLimitRefusal(answer);
    server.recordSnapshotAnswered();
    resendPortRanges();
    if (answer.kind === 'refused') {
      digest = null;
      snapshotRefusal = answer.reason;
      server.logRefusal('snapshot', answer, 'the API refused this snapshot: retrying at the regular interval');
      schedule = scheduleAfterSnapshotAnswer(
        schedule,
        now(),
        { cadence: schedule.cadence, isAccepted: false },
        random(),
      );
      return;
    }
    snapshotRefusal = null;
    // If the journal is not empty, it holds changes that are newer than this snapshot.
    if (answer.data.applied && journal.size() === 0) journal.setBaseline(reading.containers);
    await session.recordSuperseded(answer.data.reason === 'stream_superseded');
    recordSummary(answer.data);
  }

  /** Reads the engine and writes its changes to the journal, because no snapshot can be sent yet. */
  async function recordChange(signal: AbortSignal, poll = pollEngine): Promise<void> {
    schedule = scheduleAfterRecordStart(schedule, now());
    const reading = await poll(signal);
    if (reading === null) return;
    await readings.record(reading);
  }

  /**
   * Makes a call. Changes that happen while the call is in flight are recorded in the journal, even if the call hangs.
   */
  const call: Session['call'] = (request, facts, signal) =>
    withBackgroundTask(session.call(request, facts, signal), async (callEnded) => {
      while (!callEnded.aborted) {
        const waitMs = changeReadingAt(schedule, gate.openAt('list')) - now();
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
        const request = await createReplayCall(client, entry, session.acceptsPortRanges(), signal);
        const facts = poller.facts();
        const sent = mayJournalGrow ? call(request, facts, signal) : session.call(request, facts, signal);
        return retryIfForeign(await sent);
      },
      async recordSent(entry, answer) {
        server.recordSnapshotAnswered();
        if (answer.kind === 'refused') server.logRefusal('journal', answer, 'the API refused a journal entry: skipped');
        else if (answer.data.applied && engine.incompleteness() !== null) {
          const ids = entry.containers.map(({ dockerId }) => dockerId);
          await reportedIds.update(ids, entry.goneIds);
        }
      },
    });
    if (failed !== null) recordServerFailure('snapshot', failed);
    return failed === null;
  }

  function recordSummary(summary: SyncSummary): void {
    const { applied, reason, cadence } = summary;
    // After an incomplete snapshot, the API has no digest, and therefore requests a snapshot at each heartbeat. The
    // agent ignores these requests.
    const isAccepted = applied && engine.incompleteness() === null;
    digest = isAccepted ? summary.digest : null;
    isSuperseded = reason === 'stream_superseded';
    server.logSummary(summary, EARLIER_CLOCK_RETRY_MS);
    const isNewStream = stream.recordAnswer(summary, now());
    if (isNewStream) log.warn('the other agent has stopped reporting: reporting as this host again');
    schedule = scheduleAfterSnapshotAnswer(schedule, now(), { cadence, isAccepted }, random());
    if (reason === 'observed_earlier') schedule = scheduleSnapshotWithin(schedule, now(), EARLIER_CLOCK_RETRY_MS);
    if (isNewStream) markChanged();
  }

  async function sendHeartbeat(signal: AbortSignal): Promise<void> {
    if (mustReadToConfirm()) {
      await sendSnapshot(signal);
      return;
    }
    if (engine.fault() === null) {
      // If the engine is frozen, its event stream stays open but silent. Without this ping, heartbeats would confirm
      // the engine's last state until the containers are next listed.
      const fault = await poller.check(signal);
      if (fault !== null) recordEngineFault(fault);
    }
    await postHeartbeat(isUnchanged(), call, signal);
  }

  /** Sends a heartbeat while the engine is being read. Further changes are recorded only after that reading. */
  const sendHeartbeatWhileReading = (signal: AbortSignal, mayConfirm: boolean): Promise<void> =>
    postHeartbeat(mayConfirm && isUnchanged(), (...each) => session.call(...each), signal);

  /**
   * Returns whether the engine must be read to find out whether the last snapshot is still current. This is the case if
   * no events are received. If the engine is slow or the API limits this host's snapshots, the engine is not read for
   * this purpose. Heartbeats then confirm the snapshot until the next regular snapshot.
   */
  const mustReadToConfirm = (): boolean =>
    digest !== null &&
    isUnchanged() &&
    !options.receivesEvents() &&
    readingMs < SLOW_READING_MS &&
    schedule.snapshotNotBefore <= now() &&
    gate.openAt('list') <= now();

  /** Returns whether the last snapshot matches the current state, as far as is known. */
  const isUnchanged = (): boolean => engine.fault() === null && schedule.changeAt === null && journal.size() === 0;

  async function postHeartbeat(isCurrent: boolean, sendCall: Session['call'], signal: AbortSignal): Promise<void> {
    const facts = engine.enrollmentFacts(session.isEnrolled());
    if (!session.isEnrolled() && facts === null) {
      schedule = scheduleAfterSkippedHeartbeat(schedule, now(), random(), engine.enrollmentPossibleAt());
      return;
    }
    const machine = poller.facts();
    const due = factsReport.due(machine);
    const heartbeat = composeHeartbeat(
      currentFaults(),
      isCurrent ? digest : null,
      machine,
      due?.facts ?? null,
      wallNow(),
    );
    const answer = await sendCall(
      (token) => client.heartbeat(token, heartbeat, stream.current(), signal),
      facts,
      signal,
    );
    if (isFailedCall(answer)) return void recordServerFailure('heartbeat', answer);
    if (answer.kind === 'refused') {
      server.recordHeartbeatRefused(answer);
      schedule = scheduleAfterSkippedHeartbeat(schedule, now(), random());
      return;
    }
    server.recordHeartbeatAccepted();
    if (due !== null) factsReport.recordAcknowledged(due);
    resendPortRanges();
    schedule = scheduleAfterHeartbeatAnswer(schedule, now(), answer.data, random());
  }

  function recordEngineFault(fault: EngineFault): void {
    const { isNewKind, delayMs } = engine.recordFault(fault);
    digest = null;
    // A list that is too large is expensive to read, and does not become smaller soon.
    const regularMs = fault.failure === 'too_large' ? schedule.cadence.snapshotSeconds * 1_000 : 0;
    schedule = scheduleAfterEngineFailure(schedule, now(), Math.max(delayMs, regularMs), isNewKind);
    if (fault.failure === 'unreachable' || fault.failure === 'timeout') options.onEngineSilence();
  }

  /** Sends the containers again if the API now accepts ranges of ports, or no longer accepts them. */
  function resendPortRanges(): void {
    if (sentPortRanges === null || sentPortRanges === session.acceptsPortRanges()) return;
    sentPortRanges = null;
    markChanged();
  }

  function recordServerFailure(action: 'snapshot' | 'heartbeat', answer: FailedAnswer): void {
    const { delayed, delayMs, foreignRefusal } = server.recordFailure(action, answer);
    if (foreignRefusal !== null) {
      digest = null;
      snapshotRefusal = foreignRefusal;
    }
    schedule =
      delayed === 'snapshots'
        ? scheduleSnapshotRetry(schedule, now(), delayMs)
        : scheduleAfterServerFailure(schedule, now(), delayMs, action);
  }

  async function idle(ms: number, signal: AbortSignal): Promise<void> {
    wake = new AbortController();
    const combinedSignal = AbortSignal.any([signal, wake.signal]);
    await sleep(Math.min(ms, SLEEP_MS_MAX), undefined, { signal: combinedSignal }).catch(() => undefined);
  }

  const actions = {
    snapshot: sendSnapshot,
    heartbeat: sendHeartbeat,
    record: (signal: AbortSignal) => recordChange(signal, () => pollWithHeartbeats(signal, false)),
  };

  return {
    markChanged: () => markChanged(),
    invalidate: () => markChanged(0),
    progress: () => ({
      acceptedAt: server.acceptedAt()?.toISOString() ?? null,
      containers: engine.containers(),
      truncatedContainers: engine.truncatedContainers(),
      serverError: server.error(),
      isSuperseded,
      engineError: engine.fault()?.message ?? null,
      journalEntries: journal.size(),
      problems: problemsOf(currentFaults()),
    }),
    async run(signal) {
      try {
        while (!signal.aborted) {
          const { action, at } = nextAction(schedule, gate.openAt('list'));
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
