import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionState } from '@muster/client';
import type { Api } from '../api.js';
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
 * @throws any error of `show`.
 * @throws CommandError if the key is no longer valid.
 * @throws the error of the first connection.
 */
export async function watchChanges(
  terminal: Terminal,
  { client, toCommandError }: Api,
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
    const reportOutage = createOutageReport(terminal, toCommandError);
    const onState = (state: ConnectionState) => {
      isConnected = state.state === 'open';
      reportOutage(state);
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

/**
 * Returns a function that handles the states of a stream's connection. If the first connection fails, it throws the
 * error, so that the command ends. Later, it reports each outage on standard error.
 */
export function createOutageReport(
  terminal: Terminal,
  toCommandError: Api['toCommandError'],
): (state: ConnectionState) => void {
  let wasOpen = false;
  let isOutageReported = false;
  return (state) => {
    if (state.state === 'open') {
      if (isOutageReported) terminal.err('muster: connected again\n');
      wasOpen = true;
      isOutageReported = false;
    } else if (state.state === 'waiting') {
      const { error } = state;
      if (!wasOpen && error instanceof Error) throw error;
      const commandError = toCommandError(error);
      // If the server ends a connection without an error, the next attempt usually succeeds. This does not count as an
      // outage.
      if (!(commandError instanceof CommandError) || isOutageReported) return;
      isOutageReported = true;
      terminal.err(`muster: ${commandError.message}; trying again\n`);
    }
  };
}

export const keyInvalidError = (): CommandError =>
  new CommandError('the API key was revoked or has expired', ExitCodes.refused);

/** Resolves after `ms` milliseconds, or earlier if `signal` is aborted. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);
