import type { Logger } from 'pino';
import type { EngineClient } from './client.js';
import type { Inventory } from './inventory.js';
import { createEngineWatch } from './watch.js';
import type { Observer } from './poll-engine.js';
import type { Reporter } from '../reporting/reporter.js';

/** Hands what an engine's events mean to those who keep something of the engine. */
export interface EngineFollower {
  /** Runs until the signal is aborted, and then resolves. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the first subscription was made, or failed. */
  readonly settled: Promise<void>;
  /** Drops the present subscription for a new one. */
  restart(): void;
}

export interface EngineFollowerOptions {
  engine: EngineClient;
  inventory: Inventory;
  observer: Observer;
  reporter: Pick<Reporter, 'changed' | 'lostSight'>;
  random: () => number;
  log: Logger;
}

/** Actions after which a container's inspection says something else. */
const INVALIDATING = /^(start|health_status)/;

/** A follower of the engine behind `engine`. */
export function createEngineFollower(options: EngineFollowerOptions): EngineFollower {
  const { engine, inventory, observer, reporter, random, log } = options;
  let isWatching = false;
  let settle: () => void;
  const settled = new Promise<void>((resolve) => (settle = resolve));
  const watch = createEngineWatch(
    engine,
    {
      onWatching() {
        log.debug('watching the engine’s events');
        isWatching = true;
        inventory.setWatched(true);
        // Another version of the engine may have taken the place of the one before.
        observer.forgetFacts();
        reporter.lostSight();
        settle();
      },
      onEvent({ Action, Actor }) {
        if (INVALIDATING.test(Action)) inventory.invalidate(Actor.ID);
        reporter.changed();
      },
      onLost(error) {
        const reason = error instanceof Error ? error.message : 'the engine closed the stream';
        log[isWatching ? 'warn' : 'debug'](
          { reason },
          'no events from the engine: looking at it at the regular pace only',
        );
        inventory.setWatched(false);
        if (isWatching) reporter.lostSight();
        isWatching = false;
        settle();
      },
    },
    random,
  );
  return { run: (signal) => watch.run(signal), settled, restart: () => watch.restart() };
}
