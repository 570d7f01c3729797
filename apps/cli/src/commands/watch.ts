import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ConnectionState } from '@muster/client';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** Minimum time between two refreshes, in milliseconds. */
const REFRESH_INTERVAL_MS = 1_000;

/** Milliseconds without a message after which the list is refreshed anyway, because messages may be delayed. */
const IDLE_REFRESH_MS = 25_000;

/**
 * Calls `show` once the stream is connected, and then after each message, but at most once a second. Also calls `show`
 * if the connected stream sends no message for `idleRefreshMs` milliseconds, so that no change is missed. Resolves when
 * the user interrupts the command.
 * @throws any error that `show` throws, and CommandError if the key is no longer valid.
 */
export async function watchChanges(
  terminal: Terminal,
  client: Client,
  hostId: string[] | undefined,
  show: () => Promise<void>,
  idleRefreshMs = IDLE_REFRESH_MS,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([terminal.interrupted, stop.signal]);
  let hasChanged = false;
  let isConnected = false;
  let wake: () => void = () => undefined;

  const listen = async () => {
    const onState = ({ state }: ConnectionState) => {
      isConnected = state === 'open';
    };
    for await (const { event } of client.stream({ query: { hostId }, signal, onState })) {
      if (event === 'unauthorized') throw keyInvalidError();
      hasChanged = true;
      wake();
    }
  };
  const refreshOnChange = async () => {
    while (!signal.aborted) {
      if (hasChanged) {
        hasChanged = false;
        await show();
        await pause(REFRESH_INTERVAL_MS, signal);
      } else {
        const idleWait = new AbortController();
        wake = () => idleWait.abort();
        await pause(idleRefreshMs, AbortSignal.any([signal, idleWait.signal]));
        hasChanged ||= isConnected;
      }
    }
  };
  try {
    await Promise.all([listen(), refreshOnChange()]);
  } finally {
    stop.abort();
  }
}

export const keyInvalidError = (): CommandError =>
  new CommandError('the API key was revoked or has expired', ExitCodes.refused);

/** Resolves after `ms` milliseconds, or earlier if `signal` is aborted. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);
