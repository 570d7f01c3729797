import { setTimeout as sleep } from 'node:timers/promises';
import { equalJitterMs, fullJitterMs, type BackoffLimits } from '../lib/backoff.js';
import type { EngineFailure } from './errors.js';

/** The two ways in which a running agent uses its engine: reading the containers, and subscribing to events. */
export type EngineUse = 'list' | 'events';

/** Why a use failed. `closed` means that an open event stream ended. */
export type GateFailure = EngineFailure | 'closed';

/** The waits after failures. */
export interface GateLimits {
  /** Waits after the connection failed. They are short, because an engine that is restarting returns soon. */
  unreachable: BackoffLimits;
  /**
   * Waits after the engine, or a proxy in front of it, answered with an error or too late. These waits are long for two
   * reasons: the next answer is probably the same, and a slow answer is expensive for the engine.
   */
  answered: BackoffLimits;
}

const GATE_LIMITS_DEFAULT: GateLimits = {
  unreachable: { baseMs: 500, capMs: 15_000 },
  answered: { baseMs: 10_000, capMs: 60_000 },
};

/**
 * The backoff in front of an engine. Every use of the engine waits until the gate is open. No event, reconnection or
 * request of the API can shorten a wait. If the connection or the list failed, the gate closes for both uses. If an
 * event stream was refused or ended, the gate closes only for new event streams.
 */
export interface EngineGate {
  /** Records a failure. Failures of requests that were sent before the gate was closed do not extend the wait. */
  failed(use: EngineUse, failure: GateFailure): void;
  /** Records a success, after which the waits are short again. Only a successful list shows that the engine works. */
  succeeded(use: EngineUse): void;
  /**
   * Opens the gate early. Call it when the engine accepts connections again. Until the next successful list, the gate
   * opens early at most once. Otherwise, an engine that accepts connections but cannot list its containers would be
   * polled more often.
   */
  reopen(): void;
  /** Returns the monotonic time in milliseconds before which the engine must not be used. */
  openAt(use: EngineUse): number;
  /** Resolves when the gate is open, or when the signal is aborted. */
  wait(use: EngineUse, signal: AbortSignal): Promise<void>;
}

interface Backoff {
  failures: number;
  notBefore: number;
}

const OPEN_BACKOFF: Backoff = { failures: 0, notBefore: Number.NEGATIVE_INFINITY };

export interface EngineGateOptions {
  /** Returns monotonic time in milliseconds. */
  now: () => number;
  /** Returns a random number in [0, 1). */
  random: () => number;
  limits?: GateLimits;
}

/** Creates an open gate. */
export function createEngineGate({ now, random, limits = GATE_LIMITS_DEFAULT }: EngineGateOptions): EngineGate {
  const backoffs: Record<'connection' | EngineUse, Backoff> = {
    connection: OPEN_BACKOFF,
    list: OPEN_BACKOFF,
    events: OPEN_BACKOFF,
  };
  let wasReopened = false;
  let wake = new AbortController();

  function openAt(use: EngineUse): number {
    const { connection, list, events } = backoffs;
    return Math.max(connection.notBefore, list.notBefore, use === 'events' ? events.notBefore : OPEN_BACKOFF.notBefore);
  }

  return {
    openAt,
    failed(use, failure) {
      // An engine can accept event streams but close each connection that requests a list. In that case, the list
      // failed, not the connection.
      const isConnection = failure === 'unreachable' && !(use === 'list' && wasReopened);
      const name = isConnection ? 'connection' : use;
      const { failures, notBefore } = backoffs[name];
      if (notBefore > now()) return;
      const waitMs =
        isConnection || failure === 'closed'
          ? fullJitterMs(failures + 1, random(), limits.unreachable)
          : equalJitterMs(failures + 1, random(), limits.answered);
      backoffs[name] = { failures: failures + 1, notBefore: now() + waitMs };
    },
    succeeded(use) {
      backoffs[use] = OPEN_BACKOFF;
      if (use === 'events') return;
      backoffs.connection = OPEN_BACKOFF;
      wasReopened = false;
      wake.abort();
    },
    reopen() {
      if (wasReopened || backoffs.connection.failures === 0) return;
      wasReopened = true;
      backoffs.connection = { ...backoffs.connection, notBefore: OPEN_BACKOFF.notBefore };
    },
    async wait(use, signal) {
      while (!signal.aborted && openAt(use) > now()) {
        if (wake.signal.aborted) wake = new AbortController();
        const combinedSignal = AbortSignal.any([signal, wake.signal]);
        // Timers can fire a fraction of a millisecond early.
        const ms = Math.ceil(openAt(use) - now());
        await sleep(ms, undefined, { signal: combinedSignal }).catch(() => undefined);
      }
    },
  };
}
