import { setTimeout as sleep } from 'node:timers/promises';
import { ENGINE_BACKOFF, fullJitterMs } from '../lib/backoff.js';
import type { EngineClient } from './client.js';
import type { EngineEvent } from './shapes.js';

/** What an engine's events mean to whoever keeps its inventory. */
export interface WatchHandlers {
  /** From now on no event is missed; what happened before is not known. */
  onWatching(): void;
  onEvent(event: EngineEvent): void;
  /** Events may be missed from now on. `error` is null when the engine just closed the stream. */
  onLost(error: unknown): void;
}

/**
 * Keeps a subscription to an engine's events, and makes a new one, with backoff, whenever it ends. Runs until the
 * signal is aborted, and then resolves. `restart` drops the present subscription for a new one: a connection that
 * lost its other end can be silent for good.
 */
export function createEngineWatch(client: EngineClient, handlers: WatchHandlers, random: () => number) {
  let subscription = new AbortController();

  /** One subscription from beginning to end; tells whether there was one. */
  async function follow(signal: AbortSignal): Promise<boolean> {
    subscription = new AbortController();
    const either = AbortSignal.any([signal, subscription.signal]);
    let watching = false;
    let failure: unknown = null;
    try {
      const events = await client.openEvents(either);
      watching = true;
      handlers.onWatching();
      for await (const event of events) handlers.onEvent(event);
    } catch (error) {
      failure = error;
    }
    if (!signal.aborted) handlers.onLost(failure);
    return watching;
  }

  return {
    async run(signal: AbortSignal): Promise<void> {
      let failures = 0;
      while (!signal.aborted) {
        failures = (await follow(signal)) ? 1 : failures + 1;
        await sleep(fullJitterMs(failures, random(), ENGINE_BACKOFF), undefined, { signal }).catch(() => undefined);
      }
    },
    restart: (): void => subscription.abort(),
  };
}
