import type { Client, ConnectionState } from '@muster/client';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** Milliseconds between two looks, however much happens. */
const LOOK_INTERVAL_MS = 1_000;

/** Milliseconds after which it is shown again although the stream says nothing: it may be held back. */
const SHOW_AGAIN_MS = 25_000;

/**
 * Calls `show` once the stream is connected and then whenever it sends something, at most once a second, until the user
 * interrupts the command; while it is connected and silent, every `showAgainMs`. Nothing that happens in between is missed.
 * @throws what `show` does, and CommandError when the key has ended.
 */
export async function onEachChange(
  terminal: Terminal,
  client: Client,
  hostId: string[] | undefined,
  show: () => Promise<void>,
  showAgainMs = SHOW_AGAIN_MS,
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
      if (event === 'unauthorized') throw keyEnded();
      hasChanged = true;
      wake();
    }
  };
  const look = async () => {
    while (!signal.aborted) {
      if (hasChanged) {
        hasChanged = false;
        await show();
        await pause(LOOK_INTERVAL_MS, signal);
      } else {
        const silence = new AbortController();
        wake = () => silence.abort();
        await pause(showAgainMs, AbortSignal.any([signal, silence.signal]));
        hasChanged ||= isConnected;
      }
    }
  };
  try {
    await Promise.all([listen(), look()]);
  } finally {
    stop.abort();
  }
}

export const keyEnded = (): CommandError =>
  new CommandError('the key has ended: it was revoked, or its time is over', ExitCodes.refused);

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
