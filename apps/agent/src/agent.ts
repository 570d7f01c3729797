import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MUSTER_VERSION, toTerminalJson, toTerminalText } from '@muster/contracts';
import { DirectoryLockedError, acquireDirectoryLock, type DirectoryLock } from '@muster/directory-lock';
import type { Logger } from 'pino';
import { snapshotText } from './reporting/encode-snapshot.js';
import { createEngineClient, type EngineClient } from './engine/client.js';
import { createEngineGate, type GateLimits } from './engine/engine-gate.js';
import { EngineError } from './engine/errors.js';
import { PAST_PERIOD_MS_MAX, createExitHistory, recordPastEvents, type ExitHistory } from './engine/exit-history.js';
import { factsWithoutEngine, readMachineFacts } from './engine/identity.js';
import { createInventory, type Inventory } from './engine/inventory.js';
import { locateEngine } from './engine/locate-engine.js';
import { readMachine, type Machine } from './engine/machine.js';
import type { WatchTimes } from './engine/engine-watch.js';
import type { AgentEnv } from './env.js';
import { ExitCodes, StopError } from './exit.js';
import { openJournal } from './reporting/journal.js';
import { createMusterClient, type MusterClient } from './muster/client.js';
import {
  SESSION_WAITS_DEFAULT,
  createSession,
  type LeaveOutcome,
  type Session,
  type SessionOptions,
  type SessionWaits,
} from './muster/session.js';
import { createEnginePoller, type EnginePoller } from './engine/engine-poller.js';
import { createEngineFollower } from './engine/engine-follower.js';
import { reportOnce } from './reporting/report-once.js';
import { COALESCE_MS } from './reporting/schedule.js';
import { openReportedIds } from './reporting/reported-ids.js';
import { createReporter, type Reporter } from './reporting/reporter.js';
import { createSnapshotStream } from './reporting/snapshot-stream.js';
import {
  createStateStore,
  prepareStateDir,
  unusableStateDir,
  type AgentState,
  type StateStore,
} from './state/state-store.js';
import { serveStatus, type AgentStatus } from './status-socket.js';

/**
 * Maximum time that the first snapshot waits for the event subscription, in milliseconds. A subscription that starts
 * after the first snapshot would require a second snapshot.
 */
const FIRST_SUBSCRIPTION_MS_MAX = 2_000;

/**
 * Maximum random delay before an enrolled agent's first call, in milliseconds. It spreads the first calls of agents
 * that start at the same time.
 */
const START_SPREAD_MS = 5_000;

/**
 * Maximum time that an unenrolled agent waits for its engine, in milliseconds. The agent then enrolls without the
 * engine's facts.
 */
const ENROLL_WITHOUT_ENGINE_MS = 60_000;

const now = (): number => performance.now();
const wallNow = (): Date => new Date();

/** The objects that commands need to read the engine. */
interface EngineReader {
  engine: EngineClient;
  inventory: Inventory;
  exits: ExitHistory;
  poller: EnginePoller;
  /** Reads the facts about this machine that are known without its engine. */
  machine: () => Machine;
}

/** The objects that commands need to read the engine and to call the API. */
interface ReportingContext extends EngineReader {
  client: MusterClient;
  session: Session;
  musterUrl: string;
}

/**
 * The parameters of all delays. `random` returns a number in [0, 1). After a first event, further events are collected
 * for `coalesceMs` and reported in one snapshot. `waits` contains the delays of a session (see `SessionWaits`). The
 * optional parameters have defaults.
 */
export interface Timing {
  random: () => number;
  coalesceMs: number;
  waits: SessionWaits;
  /** Waits after failures of the engine. */
  gate?: GateLimits;
  /** Durations of the engine's event streams. */
  watch?: WatchTimes;
  /** Maximum time that an unenrolled agent waits for its engine. The agent then enrolls without the engine's facts. */
  enrollWithoutEngineMs?: number;
}

const TIMING_DEFAULT: Timing = { random: Math.random, coalesceMs: COALESCE_MS, waits: SESSION_WAITS_DEFAULT };

/** Reports until the signal is aborted. Throws `StopError` for a failure that only an operator can fix. */
export const runAgent = (
  env: AgentEnv,
  log: Logger,
  signal: AbortSignal,
  { random, coalesceMs, waits, gate: limits, watch: times, enrollWithoutEngineMs }: Timing = TIMING_DEFAULT,
): Promise<void> =>
  withReporting(env, log, signal, { random, waits }, async (context) => {
    const { engine, inventory, exits, poller, machine, client, session } = context;
    const stream = createSnapshotStream(randomUUID);
    const journal = await openJournal(env.stateDir, log);
    const reportedIds = await openReportedIds(env.stateDir, log);
    const gate = createEngineGate({ now, random, ...(limits && { limits }) });
    const reporter = createReporter({
      poller,
      gate,
      factsWithoutEngine: factsWithoutEngine(machine()),
      enrollWithoutEngineMs: enrollWithoutEngineMs ?? ENROLL_WITHOUT_ENGINE_MS,
      client,
      session,
      stream,
      journal,
      reportedIds,
      now,
      wallNow,
      random,
      log,
      coalesceMs,
      onEngineSilence: () => follower.restart(),
      receivesEvents: () => follower.receivesEvents(),
    });
    const followerOptions = { engine, gate, inventory, exits, poller, reporter, now, wallNow, random, log };
    const follower = createEngineFollower({ ...followerOptions, ...(times && { times }) });
    const startedAt = wallNow().toISOString();
    const status = await serveStatus(env.stateDir, () => statusOf(context, reporter, startedAt)).catch(
      async (error: unknown) => {
        throw await unusableStateDir(env.stateDir, error);
      },
    );
    // Stops the event follower when the caller aborts or the reporter throws.
    const stopFollower = new AbortController();
    const combinedSignal = AbortSignal.any([signal, stopFollower.signal]);
    const following = follower.run(combinedSignal);
    const pause = (ms: number): Promise<void> =>
      sleep(ms, undefined, { signal: combinedSignal }).catch(() => undefined);
    try {
      await Promise.race([follower.firstAttemptDone, pause(FIRST_SUBSCRIPTION_MS_MAX)]);
      if (session.isEnrolled()) await pause(random() * START_SPREAD_MS);
      log.info({ engine: engine.label, version: MUSTER_VERSION }, 'reporting');
      await reporter.run(signal);
    } finally {
      stopFollower.abort();
      await following;
      await status.close();
    }
  });

function statusOf(
  { engine, poller, session, musterUrl }: ReportingContext,
  reporter: Reporter,
  startedAt: string,
): AgentStatus {
  const enrollment = session.enrollment();
  return {
    version: MUSTER_VERSION,
    pid: process.pid,
    startedAt,
    musterUrl,
    hostId: enrollment?.hostId ?? null,
    tokenIssuedAt: enrollment?.issuedAt ?? null,
    engineAddress: engine.label,
    engine: poller.facts()?.engine ?? null,
    hostName: poller.facts()?.reported.name ?? null,
    labels: poller.facts()?.reported.labels ?? {},
    ...reporter.progress(),
  };
}

/** Enrolls this machine if needed and posts one snapshot. Throws `StopError` if either fails. */
export const runOnce = (
  env: AgentEnv,
  log: Logger,
  signal: AbortSignal,
  { random, waits }: Pick<Timing, 'random' | 'waits'> = TIMING_DEFAULT,
): Promise<void> =>
  // This command ends soon after its start. A delay before the first rotation of the token would therefore prevent
  // every rotation.
  withReporting(
    env,
    log,
    signal,
    { random, waits: { ...waits, rotationMs: 0 } },
    async ({ engine, exits, poller, client, session }) => {
      await recordLastHour(engine, exits, log, signal);
      await reportOnce({ poller, client, session, stream: createSnapshotStream(randomUUID), random, log }, signal);
      // The snapshot started a new stream. The journal's entries belong to an older stream, so the API would no longer
      // apply them. The entries are therefore deleted.
      await (await openJournal(env.stateDir, log)).clear();
    },
  );

/** Enrolls this machine if needed and returns a sentence that names its host. Throws `StopError` if enrolling fails. */
export const enrollMachine = (env: AgentEnv, log: Logger, signal: AbortSignal): Promise<string> =>
  withReporting(
    env,
    log,
    signal,
    { ...TIMING_DEFAULT, isEnrollCommand: true },
    async ({ engine, machine, client, session }) => {
      const enrollmentBefore = session.enrollment();
      const facts = await readMachineFacts(engine, machine(), signal).catch(throwStopError);
      // This call checks that the API accepts the token. If the answer to an earlier enrollment was lost, the call also
      // completes that enrollment.
      const answer = await session.call((token) => client.getTokenHolder(token, signal), facts, signal);
      if (answer.kind === 'unauthorized') throw new StopError(answer.reason, ExitCodes.dismissed);
      if (answer.kind !== 'ok') throw new StopError(`cannot reach the API: ${answer.reason}`, ExitCodes.failed);
      const { hostId } = answer.data;
      const enrollmentStatus = enrollmentBefore?.hostId === hostId ? 'was already enrolled' : 'is enrolled';
      const engineName = toTerminalText(`${facts.engine.name} ${facts.engine.version}`);
      return `This machine (${engineName}) ${enrollmentStatus}: host ${hostId}\n`;
    },
  );

/**
 * Revokes this host's tokens and deletes them from the state directory. If another machine reports as this host, the
 * tokens are deleted but not revoked, because that machine uses them. Throws `StopError` if an agent is running or the
 * API cannot be reached.
 */
export const leaveMuster = (env: AgentEnv, log: Logger, signal: AbortSignal): Promise<string> =>
  withState(env, async (store, state) => {
    const { enrollment } = state;
    if (enrollment === null) return 'This machine is not enrolled.\n';
    const { musterUrl, hostId } = enrollment;
    const client = createMusterClient({ musterUrl, proxy: env.proxy, trust: env.trust, wallNow });
    try {
      const sessionOptions = { enrollToken: null, tokenDays: 0, wallNow, random: Math.random, log };
      const outcome = await createSession({ client, musterUrl, store, state, ...sessionOptions }).leave(signal);
      await (await openJournal(env.stateDir, log)).clear();
      await (await openReportedIds(env.stateDir, log)).clear();
      return describeLeave(outcome, musterUrl, hostId);
    } finally {
      client.close();
    }
  });

function describeLeave(outcome: LeaveOutcome, musterUrl: string, hostId: string): string {
  switch (outcome) {
    case 'revoked':
      return `This machine has left ${musterUrl}, which keeps host ${hostId} and its history.\n`;
    case 'rejected':
      return (
        `Deleted this machine’s token for ${musterUrl}, because the API no longer accepts it. Host ${hostId} is ` +
        'unchanged there.\n'
      );
    case 'shared':
      return (
        `Deleted this machine’s token for ${musterUrl} without revoking it, because another machine reports with it. ` +
        `That machine stays connected as host ${hostId}. To disconnect it, use “Rotate agent token” on the host’s ` +
        'page, which revokes the token.\n'
      );
  }
}

/** Returns the snapshot that would be sent, as indented JSON. Throws `StopError` if the engine cannot be read. */
export const dryRun = (env: AgentEnv, log: Logger, signal: AbortSignal): Promise<string> =>
  withEngine(env, log, async ({ engine, exits, inventory, machine }) => {
    await recordLastHour(engine, exits, log, signal);
    const facts = await readMachineFacts(engine, machine(), signal).catch(() => null);
    if (facts !== null) exits.setEngineName(facts.engine.name);
    const { containers } = await inventory.read(signal).catch(throwStopError);
    return `${toTerminalJson(JSON.stringify(JSON.parse(snapshotText(containers)), null, 2))}\n`;
  });

/** Records the recent events that show why containers ended, for a command that does not follow the events. */
const recordLastHour = (engine: EngineClient, exits: ExitHistory, log: Logger, signal: AbortSignal): Promise<void> =>
  recordPastEvents(engine, exits, { fromMs: Date.now() - PAST_PERIOD_MS_MAX, toMs: Date.now() }, log, signal);

function throwStopError(error: unknown): never {
  throw error instanceof EngineError ? new StopError(error.message, ExitCodes.failed) : error;
}

async function openEngine(env: AgentEnv): Promise<{ engine: EngineClient; isLocal: boolean }> {
  const { address } = await locateEngine(env.engine);
  const { engineApiVersion: apiVersion, engineTimeoutMs: listTimeoutMs } = env;
  return { engine: createEngineClient({ address, apiVersion, listTimeoutMs }), isLocal: address.kind === 'unix' };
}

async function withEngine<T>(env: AgentEnv, log: Logger, use: (reader: EngineReader) => Promise<T>): Promise<T> {
  const { engine, isLocal } = await openEngine(env).catch(throwStopError);
  const machine = (): Machine => readMachine(env, isLocal);
  try {
    const exits = createExitHistory();
    const inventory = createInventory(engine, env.redaction, log, now, exits);
    const poller = createEnginePoller({
      inventory,
      wallNow,
      ping: (signal) => engine.ping(signal),
      async readFacts(signal) {
        const facts = await readMachineFacts(engine, machine(), signal);
        exits.setEngineName(facts.engine.name);
        return facts;
      },
    });
    return await use({ engine, inventory, exits, poller, machine });
  } finally {
    engine.close();
  }
}

async function withReporting<T>(
  env: AgentEnv,
  log: Logger,
  signal: AbortSignal,
  options: Pick<SessionOptions, 'random' | 'waits' | 'isEnrollCommand'>,
  use: (context: ReportingContext) => Promise<T>,
): Promise<T> {
  return withState(env, async (store, state) => {
    signal.throwIfAborted();
    const musterUrl = env.musterUrl ?? state.enrollment?.musterUrl;
    if (musterUrl === undefined) throw new StopError('set MUSTER_URL to the API’s address', ExitCodes.usage);
    if (state.enrollment === null && env.enrollToken === null) {
      throw new StopError('this machine is not enrolled: set MUSTER_ENROLL_TOKEN', ExitCodes.usage);
    }
    warnIfUnencrypted(musterUrl, log);
    const { enrollToken, tokenDays } = env;
    const client = createMusterClient({ musterUrl, proxy: env.proxy, trust: env.trust, wallNow });
    try {
      const { random, waits, isEnrollCommand = false } = options;
      const sessionOptions = { random, waits: waits ?? SESSION_WAITS_DEFAULT, isEnrollCommand, wallNow, log };
      const session = createSession({ client, musterUrl, enrollToken, store, state, tokenDays, ...sessionOptions });
      return await withEngine(env, log, (reader) => use({ ...reader, client, session, musterUrl }));
    } finally {
      client.close();
    }
  });
}

/** Holds the state directory's lock while `use` runs. */
export async function withState<T>(
  env: AgentEnv,
  use: (store: StateStore, state: AgentState) => Promise<T>,
): Promise<T> {
  await prepareStateDir(env.stateDir);
  const lock = await lockStateDir(env.stateDir);
  try {
    const store = createStateStore(env.stateDir);
    return await use(store, await store.load());
  } finally {
    await lock.release();
  }
}

function warnIfUnencrypted(musterUrl: string, log: Logger): void {
  const { protocol, hostname: host } = new URL(musterUrl);
  const isLocal = host === 'localhost' || host === '[::1]' || host.startsWith('127.');
  if (protocol === 'http:' && !isLocal)
    log.warn({ musterUrl }, 'MUSTER_URL is not https: the token is sent unencrypted');
}

/**
 * Locks the state directory. Throws `StopError` if another process holds the lock or the directory cannot be locked.
 */
async function lockStateDir(stateDir: string): Promise<DirectoryLock> {
  try {
    return await acquireDirectoryLock(stateDir);
  } catch (error) {
    if (error instanceof DirectoryLockedError) {
      throw new StopError(`another muster-agent is running with ${stateDir} (MUSTER_STATE_DIR)`, ExitCodes.failed);
    }
    throw await unusableStateDir(stateDir, error);
  }
}
