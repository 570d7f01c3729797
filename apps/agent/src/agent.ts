import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DirectoryLockUnavailableError,
  DirectoryLockedError,
  acquireDirectoryLock,
  type DirectoryLock,
} from '@muster/directory-lock';
import type { Logger } from 'pino';
import { snapshotText } from './encode-snapshot.js';
import { createEngineClient, type EngineClient } from './engine/client.js';
import { EngineError } from './engine/errors.js';
import { readMachineFacts } from './engine/identity.js';
import { createInventory, type Inventory } from './engine/inventory.js';
import type { AgentEnv } from './env.js';
import { ExitCodes, StopError } from './exit.js';
import { createMusterClient, type MusterClient } from './muster/client.js';
import { createSession, type Session } from './muster/session.js';
import { createObserver, type Observer } from './observe.js';
import { createEngineFollower } from './follow-engine.js';
import { reportOnce } from './once.js';
import { COALESCE_MS } from './pace.js';
import { createReporter } from './reporter.js';
import { createSnapshotStream } from './snapshot-stream.js';
import { createStateStore, prepareStateDir } from './state/state-store.js';

/** How long the first snapshot waits for the engine's events, so that it need not be followed by a second. */
const FIRST_WATCH_MS_MAX = 2_000;

const now = (): number => performance.now();
const wallNow = (): Date => new Date();

/** What every mode looks at the engine with. */
interface Eyes {
  engine: EngineClient;
  inventory: Inventory;
  observer: Observer;
}

/** What the modes that report have beside. */
interface Reporting extends Eyes {
  client: MusterClient;
  session: Session;
}

/** What decides waits: chance in [0, 1), and how long a burst of events is gathered. */
export interface Timing {
  random: () => number;
  coalesceMs: number;
}

const TIMING_DEFAULT: Timing = { random: Math.random, coalesceMs: COALESCE_MS };

/** Reports until the signal is aborted; throws `StopError` when there is no point in going on. */
export const runAgent = (
  env: AgentEnv,
  log: Logger,
  signal: AbortSignal,
  { random, coalesceMs }: Timing = TIMING_DEFAULT,
): Promise<void> =>
  withReporting(env, log, signal, async ({ engine, inventory, observer, client, session }) => {
    const stream = createSnapshotStream(randomUUID);
    const reporter = createReporter({
      ...{ observer, client, session, stream, now, random, log, coalesceMs },
      onEngineFailure: () => follower.restart(),
    });
    const follower = createEngineFollower({ engine, inventory, observer, reporter, random, log });
    // Whichever ends first, by the caller's signal or by an error, takes the other with it.
    const end = new AbortController();
    const either = AbortSignal.any([signal, end.signal]);
    const following = follower.run(either);
    try {
      const longEnough = sleep(FIRST_WATCH_MS_MAX, undefined, { signal: either }).catch(() => undefined);
      await Promise.race([follower.settled, longEnough]);
      log.info({ engine: engine.label }, 'reporting');
      await reporter.run(signal);
    } finally {
      end.abort();
      await following;
    }
  });

/** Enrols where needed and posts one snapshot. Throws `StopError` where it could not. */
export const runOnce = (
  env: AgentEnv,
  log: Logger,
  signal: AbortSignal,
  { random }: Pick<Timing, 'random'> = TIMING_DEFAULT,
): Promise<void> =>
  withReporting(env, log, signal, ({ observer, client, session }) =>
    reportOnce({ observer, client, session, stream: createSnapshotStream(randomUUID), random, log }, signal),
  );

/** The text of the snapshot that would be sent, for people to read. Throws `StopError` where the engine fails. */
export const dryRun = (env: AgentEnv, signal: AbortSignal): Promise<string> =>
  withEyes(env, async ({ inventory }) => {
    const containers = await inventory.read(signal).catch((error: unknown) => {
      throw error instanceof EngineError ? new StopError(error.message, ExitCodes.failed) : error;
    });
    return `${JSON.stringify(JSON.parse(snapshotText(containers)), null, 2)}\n`;
  });

async function withEyes<T>(env: AgentEnv, use: (eyes: Eyes) => Promise<T>): Promise<T> {
  const engine = createEngineClient({ address: env.engine, apiVersion: env.engineApiVersion });
  try {
    const inventory = createInventory(engine);
    const observer = createObserver({
      inventory,
      wallNow,
      ping: (signal) => engine.ping(signal),
      readFacts: (signal) => readMachineFacts(engine, { hostname: hostname() }, signal),
    });
    return await use({ engine, inventory, observer });
  } finally {
    await engine.close();
  }
}

/** The state directory is this process's alone from here to the end. */
async function withReporting<T>(
  env: AgentEnv,
  log: Logger,
  signal: AbortSignal,
  use: (parts: Reporting) => Promise<T>,
): Promise<T> {
  await prepareStateDir(env.stateDir);
  const lock = await lockStateDir(env.stateDir);
  try {
    signal.throwIfAborted();
    const store = createStateStore(env.stateDir);
    const state = await store.load();
    const musterUrl = env.musterUrl ?? state.enrollment?.musterUrl;
    if (musterUrl === undefined) throw new StopError('MUSTER_URL is not set: where is the API?', ExitCodes.usage);
    if (state.enrollment === null && env.enrollToken === null) {
      throw new StopError('this machine is not enrolled: set MUSTER_ENROLL_TOKEN', ExitCodes.usage);
    }
    warnOfPlaintext(musterUrl, log);
    const client = createMusterClient({ musterUrl, wallNow });
    try {
      const session = createSession({ client, musterUrl, enrollToken: env.enrollToken, store, state, log });
      return await withEyes(env, (eyes) => use({ ...eyes, client, session }));
    } finally {
      await client.close();
    }
  } finally {
    await lock.release();
  }
}

function warnOfPlaintext(musterUrl: string, log: Logger): void {
  const { protocol, hostname: host } = new URL(musterUrl);
  const isLocal = host === 'localhost' || host === '[::1]' || host.startsWith('127.');
  if (protocol === 'http:' && !isLocal)
    log.warn({ musterUrl }, 'MUSTER_URL is not https: the token goes over the wire readable');
}

/** The state directory's lock, or a `StopError` that says in a line why there is none. */
async function lockStateDir(stateDir: string): Promise<DirectoryLock> {
  try {
    return await acquireDirectoryLock(stateDir);
  } catch (error) {
    if (error instanceof DirectoryLockedError) {
      throw new StopError(`another muster-agent is running with ${stateDir} (MUSTER_STATE_DIR)`, ExitCodes.failed);
    }
    if (error instanceof DirectoryLockUnavailableError) throw new StopError(error.message, ExitCodes.failed);
    throw error;
  }
}
