import { setTimeout as sleep } from 'node:timers/promises';
import { ENGINE_BACKOFF, fullJitterMs } from '../lib/backoff.js';
import type { EngineClient } from './client.js';
import type { EngineEvent } from './shapes.js';

/** Callbacks for an engine's events. */
export interface WatchHandlers {
  /** Called when a subscription begins. No event is missed from then on, but earlier events may have been missed. */
  onWatching(): void;
  onEvent(event: EngineEvent): void;
  /**
   * Called when a subscription ends and events may be missed. `error` is null if the engine closed the stream without
   * an error.
   */
  onLost(error: unknown): void;
}

/**
 * Keeps a subscription to an engine's events and renews it with backoff whenever it ends. `run` resolves when the
 * signal is aborted. `restart` ends the current subscription so that it is renewed, because a half-open connection can
 * stay silent forever.
 */
export function createEngineWatch(client: EngineClient, handlers: WatchHandlers, random: () => number) {
  let subscription = new AbortController();

  /** Runs one subscription until it ends. Returns whether the subscription was established. */
  async function follow(signal: AbortSignal): Promise<boolean> {
    subscription = new AbortController();
    const combinedSignal = AbortSignal.any([signal, subscription.signal]);
    let isSubscribed = false;
    let failure: unknown = null;
    try {
      const events = await client.openEvents(combinedSignal);
      isSubscribed = true;
      handlers.onWatching();
      for await (const event of events) handlers.onEvent(event);
    } catch (error) {
      failure = error;
    }
    if (!signal.aborted) handlers.onLost(failure);
    return isSubscribed;
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
