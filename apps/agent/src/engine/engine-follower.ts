import type { Logger } from 'pino';
import type { EngineClient } from './client.js';
import type { Inventory } from './inventory.js';
import { createEngineWatch } from './watch.js';
import type { EnginePoller } from './engine-poller.js';
import type { Reporter } from '../reporting/reporter.js';

/** Passes an engine's events on to the inventory and the reporter. */
export interface EngineFollower {
  /** Runs until the signal is aborted, and then resolves. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the first subscription has succeeded or failed. */
  readonly settled: Promise<void>;
  /** Closes the current subscription and opens a new one. */
  restart(): void;
}

export interface EngineFollowerOptions {
  engine: EngineClient;
  inventory: Inventory;
  poller: EnginePoller;
  reporter: Pick<Reporter, 'markChanged' | 'invalidate'>;
  random: () => number;
  log: Logger;
}

/** Actions after which a stored inspection of the container is outdated. */
const INVALIDATING_ACTIONS = /^(start|health_status)/;

/** Creates a follower for `engine`. */
export function createEngineFollower(options: EngineFollowerOptions): EngineFollower {
  const { engine, inventory, poller, reporter, random, log } = options;
  let isWatching = false;
  let settle: () => void;
  const settled = new Promise<void>((resolve) => (settle = resolve));
  const watch = createEngineWatch(
    engine,
    {
      onWatching() {
        log.debug('subscribed to the engine’s events');
        isWatching = true;
        // The engine may have been upgraded while it was disconnected.
        poller.invalidateFacts();
        reporter.invalidate();
        settle();
      },
      onEvent({ Action, Actor }) {
        if (INVALIDATING_ACTIONS.test(Action)) inventory.invalidate(Actor.ID);
        reporter.markChanged();
      },
      onLost(error) {
        const reason = error instanceof Error ? error.message : 'the engine closed the stream';
        log[isWatching ? 'warn' : 'debug'](
          { reason },
          'no event stream from the engine: until it is restored, changes are detected only at the regular interval',
        );
        if (isWatching) reporter.invalidate();
        isWatching = false;
        settle();
      },
    },
    random,
  );
  return { run: (signal) => watch.run(signal), settled, restart: () => watch.restart() };
}
