import { setTimeout as sleep } from 'node:timers/promises';
import { PROBLEM_MESSAGE_LENGTH_MAX, type AgentProblem, type Heartbeat, type SyncSummary } from '@muster/contracts';
import type { Logger } from 'pino';
import { ENGINE_BACKOFF, SERVER_BACKOFF, fullJitterMs, retryDelayMs } from '../lib/backoff.js';
import { during } from '../lib/abort-scope.js';
import type { Journal } from './journal.js';
import type { MusterClient } from '../muster/client.js';
import type { Session, SessionAnswer } from '../muster/session.js';
import type { EngineFault, Observer, Seen } from '../engine/poll-engine.js';
import {
  engineChanged,
  engineFailed,
  heartbeatAnswered,
  heartbeatSkipped,
  nextStep,
  recordBegun,
  serverFailed,
  snapshotAnswered,
  snapshotBegun,
  snapshotDelayed,
  startPace,
} from './schedule.js';
import { replayOf } from './journal-replay.js';
import type { ReportedIds } from './reported-ids.js';
import { snapshotParts } from './snapshot-parts.js';
import type { SnapshotStream } from './snapshot-stream.js';
import { AGENT_VERSION } from '../version.js';

/** Reports one engine to one API until it is stopped. */
export interface Reporter {
  /** Resolves when the signal is aborted. Throws `StopError` for a machine that was never enrolled and cannot be. */
  run(signal: AbortSignal): Promise<void>;
  /** The engine's containers changed: a snapshot follows shortly, one for a whole burst. */
  changed(): void;
  /** What the engine does is unknown from now on: nothing is claimed of it before the next look, which is at once. */
  lostSight(): void;
  /** For people who ask how it stands. */
  progress(): ReportingProgress;
}

/** How reporting stands. Times are this machine's, RFC 3339. */
export interface ReportingProgress {
  /** When the API last took a snapshot or a heartbeat; null: not yet. */
  acceptedAt: string | null;
  /** Containers at the last look that succeeded. */
  containers: number | null;
  /** Why the engine cannot be read; null: it can. */
  engineError: string | null;
  /** Why the API could not be told at the last try; null: it was told. */
  serverError: string | null;
  /** What waits to be told of the time that the API could not be. */
  journalEntries: number;
  /** True: another agent reports with this host's token. */
  isSuperseded: boolean;
  /** What keeps the host's state in Muster from being current or complete, the engine's error included. */
  problems: AgentProblem[];
}

export interface ReporterOptions {
  observer: Observer;
  client: MusterClient;
  session: Session;
  stream: SnapshotStream;
  journal: Journal;
  reportedIds: ReportedIds;
  wallNow: () => Date;
  /** Monotonic milliseconds. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  log: Logger;
  /** How long a burst of the engine's events is gathered. */
  coalesceMs: number;
  /** Called when the engine stops being readable. */
  onEngineFailure(): void;
}

/** An answer after which the same is tried again. */
type Failure = SessionAnswer<never> & { kind: 'retry' | 'dismissed' };

const isFailure = (answer: SessionAnswer<unknown>): answer is Failure =>
  answer.kind === 'retry' || answer.kind === 'dismissed';

/** Timers cannot count further than 24.8 days; a wait beyond this is taken in steps. */
const SLEEP_MS_MAX = 86_400_000;

/** A reporter that has not begun. */
export function createReporter(options: ReporterOptions): Reporter {
  const { observer, client, session, stream, journal, reportedIds, now, wallNow, random, log, coalesceMs } = options;
  let pace = startPace(now());
  /** What the API calls the state that it last took from us; null: it holds nothing that we could vouch for. */
  let digest: string | null = null;
  let engineFault: EngineFault | null = null;
  /** Why the last snapshot holds only a part of the containers; null: it holds all. */
  let incompleteness: string | null = null;
  /** Why the API refused the last snapshot; null: it did not. */
  let refusal: string | null = null;
  let engineFailures = 0;
  let serverFailures = 0;
  /** Snapshots in a row that the API put off with 429. */
  let delayedSnapshots = 0;
  let serverError: string | null = null;
  let acceptedAt: Date | null = null;
  let containers: number | null = null;
  let isSuperseded = false;
  /** The snapshot that is under way, until it is answered or kept. */
  let unanswered: Seen | null = null;
  let wake = new AbortController();

  function changed(afterMs = coalesceMs): void {
    pace = engineChanged(pace, now(), afterMs);
    wake.abort();
  }

  async function look(signal: AbortSignal): Promise<Seen | null> {
    const seen = await observer.observe(signal);
    if (seen.kind === 'seen') {
      recordEngineReadable(seen);
      return seen;
    }
    recordEngineFault(seen.fault, seen.isEngineWell);
    return null;
  }

  async function sendSnapshot(signal: AbortSignal): Promise<void> {
    if (!(await replayJournal(signal))) return;
    pace = snapshotBegun(pace);
    const seen = await look(signal);
    if (seen === null) return;
    unanswered = seen;
    const answer = await postSnapshot(seen, signal);
    if (isFailure(answer)) {
      await keepUnanswered();
      return void noteServerFailure('snapshot', answer);
    }
    unanswered = null;
    delayedSnapshots = 0;
    noteAnswered();
    if (answer.kind === 'refused') {
      digest = null;
      refusal = answer.reason;
      log.error({ reason: answer.reason }, 'the API refuses this snapshot: trying again with the next regular one');
      pace = snapshotAnswered(pace, now(), { cadence: pace.cadence, taken: false }, random());
      return;
    }
    refusal = null;
    // Else what was kept meanwhile is newer.
    if (answer.data.applied && journal.size() === 0) journal.acknowledged(seen.containers);
    await session.recordSuperseded(answer.data.reason === 'stream_superseded');
    noteSummary(answer.data);
  }

  /** Sends a snapshot in one request, or an incomplete one in as many as it takes to name what is gone. */
  async function postSnapshot(seen: Seen, signal: AbortSignal): Promise<SessionAnswer<SyncSummary>> {
    // The API may hold too much that an earlier run reported and this one does not know of: a complete snapshot ends that.
    const isComplete = seen.incompleteness === null || refusal !== null;
    const gone = isComplete ? [] : reportedIds.goneFrom(seen.presentIds);
    const parts = snapshotParts(seen.snapshot, isComplete, gone);
    // Changes that are recorded in the meantime come after all of these.
    const ordered = parts.map((part) => ({ part, order: stream.next(seen.observedAt) }));
    const ids = seen.containers.map(({ dockerId }) => dockerId);
    for (const { part, order } of ordered) {
      const answer = await call((token) => client.postSnapshot(token, part, order, signal), seen.facts, signal);
      const isLast = part === parts.at(-1);
      const isApplied = answer.kind === 'ok' && answer.data.applied;
      if (isApplied && isComplete) await reportedIds.replace(ids);
      else if (isApplied) await reportedIds.update(isLast ? ids : [], part.goneIds);
      if (isLast || !isApplied) return answer;
    }
    throw new TypeError('a snapshot has at least one part');
  }

  /** While the API cannot be told of a change, it is kept for later. */
  async function recordChange(signal: AbortSignal): Promise<void> {
    pace = recordBegun(pace);
    const seen = await look(signal);
    if (seen === null) return;
    await keepUnanswered();
    await keep(seen);
  }

  const keep = ({ containers: seen, presentIds, observedAt }: Seen): Promise<void> =>
    journal.record(seen, () => stream.next(observedAt), presentIds);

  /** Its answer may never come, so it is kept, before what was seen after it. Had it arrived, this changes nothing. */
  async function keepUnanswered(): Promise<void> {
    if (unanswered === null) return;
    const sent = unanswered;
    unanswered = null;
    await keep(sent);
  }

  /** Makes a call. It may hang, and while it is under way the API can be told of no change: each is kept. */
  const call: Session['call'] = (request, facts, signal) =>
    during(session.call(request, facts, signal), async (over) => {
      while (!over.aborted) {
        const waitMs = (pace.changeAt ?? Number.POSITIVE_INFINITY) - now();
        if (waitMs > 0) await idle(waitMs, over);
        else await recordChange(signal);
      }
    });

  /** Tells the API what it missed, the oldest first. False where it cannot be told yet. */
  async function replayJournal(signal: AbortSignal): Promise<boolean> {
    // Of a host that this machine is no longer, nobody wants to know.
    if (!session.isEnrolled()) {
      if (journal.size() > 0) await journal.clear();
      await reportedIds.clear();
    }
    const atFirst = journal.size();
    for (let told = 0, entry = journal.first(); entry !== null; told++, entry = journal.first()) {
      const replay = await replayOf(client, entry, signal);
      // For each two told it gets shorter by one at least, or answers slower than changes would never let it end.
      const mayGrow = journal.size() <= atFirst - told / 2;
      const facts = observer.facts();
      const answer = await (mayGrow ? call(replay, facts, signal) : session.call(replay, facts, signal));
      if (isFailure(answer)) {
        noteServerFailure('snapshot', answer);
        return false;
      }
      delayedSnapshots = 0;
      noteAnswered();
      if (answer.kind === 'refused') log.error({ reason: answer.reason }, 'the API refuses a part of the journal');
      else if (answer.data.applied && incompleteness !== null) {
        const ids = entry.containers.map(({ dockerId }) => dockerId);
        await reportedIds.update(ids, entry.goneIds);
      }
      await journal.drop(entry);
    }
    return true;
  }

  function noteSummary(summary: SyncSummary): void {
    const { applied, reason, received, created, updated, removed, revision, cadence } = summary;
    digest = applied && incompleteness === null ? summary.digest : null;
    isSuperseded = reason === 'stream_superseded';
    const counts = { received, created, updated, removed, revision };
    if (applied) log[created + updated + removed > 0 ? 'info' : 'debug'](counts, 'snapshot applied');
    else if (reason === 'stream_superseded') {
      log.warn('another agent reports with this host’s token (a cloned machine, or two agents): snapshot not applied');
    } else log.warn({ reason }, 'the API did not apply this snapshot');
    const isNewStream = stream.answered(summary, now());
    if (isNewStream) log.warn('the other agent seems to be gone: reporting again');
    // An incomplete snapshot leaves the API without a digest, so that it would ask for another at each heartbeat.
    const taken = applied && incompleteness === null;
    pace = snapshotAnswered(pace, now(), { cadence, taken }, random());
    if (isNewStream) changed();
  }

  async function sendHeartbeat(signal: AbortSignal): Promise<void> {
    if (engineFault === null) {
      // Without this a frozen engine, whose event stream is only silent, would be vouched for until the next list.
      const fault = await observer.check(signal);
      if (fault !== null) recordEngineFault(fault, false);
    }
    if (!session.isEnrolled() && observer.facts() === null) {
      pace = heartbeatSkipped(pace, now(), random());
      return;
    }
    const heartbeat = composeHeartbeat();
    const answer = await call(
      (token) => client.heartbeat(token, heartbeat, stream.current(), signal),
      observer.facts(),
      signal,
    );
    if (isFailure(answer)) return void noteServerFailure('heartbeat', answer);
    noteAnswered();
    if (answer.kind === 'refused') {
      log.error({ reason: answer.reason }, 'the API refuses this heartbeat');
      pace = heartbeatSkipped(pace, now(), random());
      return;
    }
    pace = heartbeatAnswered(pace, now(), answer.data, random());
  }

  function composeHeartbeat(): Heartbeat {
    const facts = observer.facts();
    const found = problems();
    return {
      // A change that no snapshot has told yet is not "as in the last snapshot".
      digest: engineFault === null && pace.changeAt === null && journal.size() === 0 ? digest : null,
      // Older APIs know of this one problem, by this name.
      ...(engineFault === null ? {} : { engineError: engineFault.message }),
      ...(found.length === 0 ? {} : { problems: found }),
      ...(facts === null ? {} : { engine: facts.engine, os: facts.os }),
      agentVersion: AGENT_VERSION,
      sentAt: wallNow().toISOString(),
    };
  }

  /** What keeps this host's state from being current or complete, as far as its agent knows. */
  function problems(): AgentProblem[] {
    const found: AgentProblem[] = engineFault === null ? [] : [engineFault];
    if (incompleteness !== null) found.push({ code: 'too_many_containers', message: incompleteness });
    if (refusal !== null) found.push({ code: 'snapshot_refused', message: refusal });
    return found.map(({ code, message }) => ({
      code,
      message: message.slice(0, PROBLEM_MESSAGE_LENGTH_MAX).toWellFormed(),
    }));
  }

  function recordEngineFault(fault: EngineFault, isEngineWell: boolean): void {
    const { message } = fault;
    const isNews = message !== engineFault?.message;
    engineFailures++;
    const delayMs = isEngineWell
      ? pace.cadence.snapshotSeconds * 1_000
      : fullJitterMs(engineFailures, random(), ENGINE_BACKOFF);
    const about = { engineError: message, retryInMs: Math.round(delayMs) };
    if (isNews) log.error(about, 'cannot list the containers: reporting that instead of a snapshot');
    else log.debug(about, 'still cannot list the containers');
    engineFault = fault;
    digest = null;
    pace = engineFailed(pace, now(), delayMs, isNews);
    if (!isEngineWell) options.onEngineFailure();
  }

  function recordEngineReadable(seen: Seen): void {
    containers = seen.presentIds.size;
    if (engineFault !== null) log.info({ containers }, 'the engine can be read again');
    if (incompleteness === null && seen.incompleteness !== null) {
      log.warn({ reason: seen.incompleteness }, 'not all containers can be reported');
    }
    incompleteness = seen.incompleteness;
    engineFault = null;
    engineFailures = 0;
  }

  function noteAnswered(): void {
    serverFailures = 0;
    serverError = null;
    acceptedAt = wallNow();
  }

  function noteServerFailure(action: 'snapshot' | 'heartbeat', answer: Failure): void {
    const { reason } = answer;
    serverFailures++;
    serverError = reason;
    if (answer.kind === 'dismissed') {
      const retryInMs = Math.round(answer.askAgainMs);
      log.error(
        { reason, retryInMs },
        'the API refuses this machine: keeping its token and its state, and asking again',
      );
      pace = serverFailed(pace, now(), answer.askAgainMs, action);
      return;
    }
    // Of a machine that is not enrolled, it is the enrollment that was put off.
    if (action === 'snapshot' && answer.status === 429 && session.isEnrolled()) {
      const retryInMs = Math.round(retryDelayMs(++delayedSnapshots, answer.retryAfterMs, random(), SERVER_BACKOFF));
      log.warn({ reason, tries: delayedSnapshots, retryInMs }, 'the API puts off this host’s snapshots');
      pace = snapshotDelayed(pace, now(), retryInMs);
      return;
    }
    const delayMs = retryDelayMs(serverFailures, answer.retryAfterMs, random(), SERVER_BACKOFF);
    log.warn({ reason, tries: serverFailures, retryInMs: Math.round(delayMs) }, 'the API cannot take this now');
    pace = serverFailed(pace, now(), delayMs, action);
  }

  async function idle(ms: number, signal: AbortSignal): Promise<void> {
    wake = new AbortController();
    const either = AbortSignal.any([signal, wake.signal]);
    await sleep(Math.min(ms, SLEEP_MS_MAX), undefined, { signal: either }).catch(() => undefined);
  }

  const actions = { snapshot: sendSnapshot, heartbeat: sendHeartbeat, record: recordChange };

  return {
    changed: () => changed(),
    lostSight: () => changed(0),
    progress: () => ({
      ...{ acceptedAt: acceptedAt?.toISOString() ?? null, containers, serverError, isSuperseded },
      ...{ engineError: engineFault?.message ?? null, journalEntries: journal.size(), problems: problems() },
    }),
    async run(signal) {
      try {
        while (!signal.aborted) {
          const { action, at } = nextStep(pace);
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
