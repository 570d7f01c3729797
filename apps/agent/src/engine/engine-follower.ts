import type { Health } from '@muster/contracts';
import type { Logger } from 'pino';
import { createLogOnce } from '../lib/log-once.js';
import type { EngineClient } from './client.js';
import type { EngineGate } from './engine-gate.js';
import { EngineError } from './errors.js';
import { createHealthChecks } from './health-checks.js';
import { PAST_PERIOD_MS_MAX, recordPastEvents, type ExitHistory } from './exit-history.js';
import type { Inventory } from './inventory.js';
import { toHealth } from './to-container.js';
import { createEngineWatch, type WatchTimes } from './engine-watch.js';
import type { EnginePoller } from './engine-poller.js';
import type { Reporter } from '../reporting/reporter.js';

/**
 * Maximum delay between an event on the engine and its arrival, in milliseconds. Events of this period are read again.
 */
const EVENT_DELAY_MS_MAX = 10_000;

/** Passes an engine's events on to the inventory and the reporter. */
export interface EngineFollower {
  /** Runs until the signal is aborted, and then resolves. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the first subscription has succeeded or failed. */
  readonly firstAttemptDone: Promise<void>;
  /** Returns true while the event stream is connected or is being reconnected. */
  receivesEvents(): boolean;
  /** Closes the current subscription. A new subscription is opened as soon as the gate allows it. */
  restart(): void;
}

export interface EngineFollowerOptions {
  engine: EngineClient;
  gate: EngineGate;
  inventory: Inventory;
  exits: ExitHistory;
  poller: EnginePoller;
  reporter: Pick<Reporter, 'markChanged' | 'invalidate'>;
  /** Returns monotonic time in milliseconds. */
  now: () => number;
  wallNow: () => Date;
  random: () => number;
  log: Logger;
  times?: WatchTimes;
}

/** Creates a follower for `engine`. */
export function createEngineFollower(options: EngineFollowerOptions): EngineFollower {
  const { engine, gate, inventory, exits, poller, reporter, now, wallNow, random, log, times } = options;
  const stopped = new AbortController();
  const checkHealth = createHealthChecks({
    engine,
    gate,
    now,
    signal: stopped.signal,
    onInspected(id, inspected) {
      const mayDiffer = inventory.recordHealth(id, inspected?.health ?? null);
      // If the inspection failed, the next regular reading of the engine inspects the container.
      if (mayDiffer && inspected !== null) reporter.markChanged();
    },
  });
  const logOnce = createLogOnce(log, now);
  /** True from the start of a subscription until an attempt to open a new subscription fails. */
  let wasWatching = false;
  let settle: () => void;
  const firstAttemptDone = new Promise<void>((resolve) => (settle = resolve));

  /**
   * When the last event arrived or past events were last read, in milliseconds since 1970. Later events may be missing,
   * because a stream can stop without an error.
   */
  let seenUntilMs = wallNow().getTime() - PAST_PERIOD_MS_MAX;
  /** When the last stream ended, in milliseconds since 1970; null before that. */
  let lostAtMs: number | null = null;

  /**
   * Records the health that an event reports; null if the event does not contain it. Often, the health has not changed.
   */
  function recordHealth(id: string, health: Health | null): void {
    if (health === null) checkHealth(id);
    else if (inventory.recordHealth(id, health)) reporter.markChanged();
  }

  /** Reads the events that may be missing. Goes back at most `PAST_PERIOD_MS_MAX`. */
  function readMissedEvents(): void {
    const toMs = wallNow().getTime();
    const period = { fromMs: Math.max(seenUntilMs - EVENT_DELAY_MS_MAX, toMs - PAST_PERIOD_MS_MAX), toMs };
    exits.waitFor(recordPastEvents(engine, exits, period, log, stopped.signal));
    seenUntilMs = toMs;
  }

  const watch = createEngineWatch({
    client: engine,
    gate,
    handlers: {
      onWatching() {
        log.debug('subscribed to the engine’s events');
        if (!wasWatching) inventory.retryInspections();
        wasWatching = true;
        if (lostAtMs !== null) exits.recordAbsence(lostAtMs, wallNow().getTime());
        readMissedEvents();
        // The engine may have been upgraded while it was disconnected.
        poller.invalidateFacts();
        gate.reopen();
        reporter.invalidate();
        settle();
      },
      onRenewed: readMissedEvents,
      onEvent(event) {
        seenUntilMs = wallNow().getTime();
        const { Action, Actor, HealthStatus } = event;
        const { ID } = Actor;
        const mayReasonChange = exits.record(event);
        if (Action.startsWith('health_status')) {
          recordHealth(ID, toHealth(HealthStatus));
          return;
        }
        if (Action === 'start' || Action === 'die') inventory.invalidate(ID, Action === 'die');
        const changesList = Action !== 'kill' && Action !== 'oom';
        if (changesList || mayReasonChange) reporter.markChanged();
      },
      onLost(error) {
        lostAtMs = wallNow().getTime();
        log.debug({ reason: error instanceof Error ? error.message : null }, 'the engine’s event stream has ended');
        // Events may have been missed. If a new stream is opened soon, a single reading after that finds all changes.
        reporter.markChanged();
      },
      onOpenFailed(error) {
        // An unreachable engine cannot be read either, and the reporter already logs that error.
        if (error instanceof EngineError && error.failure !== 'unreachable') {
          const message =
            'no event stream from the engine: until it is restored, changes are detected only when a heartbeat is due';
          logOnce('warn', `${error.failure} ${error.status}`, message, { reason: error.message });
        }
        if (wasWatching) reporter.invalidate();
        wasWatching = false;
        settle();
      },
    },
    random,
    ...(times === undefined ? {} : { times }),
  });
  return {
    run: (signal) => watch.run(signal).finally(() => stopped.abort()),
    firstAttemptDone,
    receivesEvents: () => wasWatching,
    restart: () => watch.restart(),
  };
}
