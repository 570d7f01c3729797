import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineClient } from './client.js';
import type { EngineGate } from './engine-gate.js';
import { EngineError } from './errors.js';
import type { EngineEvent } from './shapes.js';

/** Callbacks for an engine's events. */
export interface WatchHandlers {
  /** Called when a stream was opened. From then on, no event is missed, but events before it may have been missed. */
  onWatching(): void;
  onEvent(event: EngineEvent): void;
  /**
   * Called when a stream was replaced because of its age. If the old stream had stopped without an error, events were
   * missed.
   */
  onRenewed(): void;
  /**
   * Called when an open stream ends, because events may then be missed. `error` is null if the engine closed the stream
   * without an error, or if `restart` was called.
   */
  onLost(error: unknown): void;
  /** Called when no stream could be opened. */
  onOpenFailed(error: unknown): void;
}

/** Durations in milliseconds. */
export interface WatchTimes {
  /**
   * Age at which a stream is replaced, because a stream can stop without an error. Each stream lives up to a tenth
   * longer or shorter.
   */
  renewMs: number;
  /** How long the old stream is still read after the new one was opened, so that no event is lost between them. */
  overlapMs: number;
  /** A stream that ends earlier than this counts as a failure, like a stream that could not be opened. */
  stableMs: number;
}

const WATCH_TIMES_DEFAULT: WatchTimes = { renewMs: 300_000, overlapMs: 1_000, stableMs: 5_000 };

export interface EngineWatchOptions {
  client: Pick<EngineClient, 'openEvents'>;
  gate: EngineGate;
  handlers: WatchHandlers;
  /** Returns a random number in [0, 1). */
  random: () => number;
  times?: WatchTimes;
}

/** An open event stream. */
interface Stream {
  /** Resolves with the error that ended the stream, or with null. */
  ended: Promise<unknown>;
  close(): void;
}

/**
 * Keeps a subscription to an engine's events. When the stream ends, a new stream is opened as soon as the gate allows
 * it. `run` resolves when the signal is aborted. `restart` closes the open stream, because a half-open connection can
 * remain silent forever. It does not affect a stream that is being opened, which has a timeout. Otherwise, an engine
 * whose lists fail immediately could prevent every stream from being opened.
 */
export function createEngineWatch(options: EngineWatchOptions) {
  const { client, gate, handlers, random, times = WATCH_TIMES_DEFAULT } = options;
  /** Closes the open stream; null while no stream is open. */
  let openStream: AbortController | null = null;

  /** Opens a stream. Throws `EngineError`, or the signal's reason. */
  async function open(signal: AbortSignal): Promise<Stream> {
    const closed = new AbortController();
    const events = await client.openEvents(AbortSignal.any([signal, closed.signal]));
    return { ended: consume(events, closed.signal), close: () => closed.abort() };
  }

  /** Passes events on until the stream ends. Events that arrive after `closed` was aborted are ignored. */
  async function consume(events: AsyncIterable<EngineEvent>, closed: AbortSignal): Promise<unknown> {
    try {
      for await (const event of events) if (!closed.aborted) handlers.onEvent(event);
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Reads a stream and its successors until one of them ends. Resolves with the error that ended it, or with null. */
  async function followAndRenew(first: Stream, signal: AbortSignal): Promise<unknown> {
    let stream = first;
    for (;;) {
      const hasEnded = await isWithin(stream.ended, times.renewMs * (0.9 + 0.2 * random()), signal);
      if (hasEnded) return stream.ended;
      // If no second stream can be opened, the first stream is still the best source of events.
      const successor = await open(signal).catch(() => null);
      if (successor === null) continue;
      if (await isWithin(stream.ended, times.overlapMs, signal)) {
        // The old stream may have ended before the new stream was open.
        successor.close();
        return stream.ended;
      }
      stream.close();
      stream = successor;
      handlers.onRenewed();
    }
  }

  /** Opens a stream, and reads it and its successors until one of them ends. */
  async function follow(watchSignal: AbortSignal): Promise<void> {
    const closed = new AbortController();
    const signal = AbortSignal.any([watchSignal, closed.signal]);
    let stream: Stream;
    try {
      stream = await open(signal);
    } catch (error) {
      if (signal.aborted) return;
      gate.failed('events', error instanceof EngineError ? error.failure : 'unreachable');
      handlers.onOpenFailed(error);
      return;
    }
    const openedAt = performance.now();
    openStream = closed;
    handlers.onWatching();
    const error = await followAndRenew(stream, signal);
    openStream = null;
    if (performance.now() - openedAt >= times.stableMs) gate.succeeded('events');
    if (!signal.aborted) gate.failed('events', 'closed');
    handlers.onLost(signal.aborted ? null : error);
  }

  return {
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        await gate.wait('events', signal);
        await follow(signal);
      }
    },
    restart: (): void => openStream?.abort(),
  };
}

/** Returns true if `promise` settles or the signal is aborted within `ms`, otherwise false. */
async function isWithin(promise: Promise<unknown>, ms: number, signal: AbortSignal): Promise<boolean> {
  const settled = new AbortController();
  const timer = sleep(ms, false, { signal: AbortSignal.any([signal, settled.signal]) }).catch(() => true);
  const isSettled = await Promise.race([promise.then(() => true), timer]);
  settled.abort();
  return isSettled;
}
