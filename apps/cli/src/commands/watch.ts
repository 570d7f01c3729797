import type { Client } from '@muster/client';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** Milliseconds between two looks, however much happens. */
const LOOK_INTERVAL_MS = 1_000;

/**
 * Calls `show` once the stream is there and then whenever it tells of something, at most once a second, until whoever
 * runs the command interrupts it. Nothing that happens in between is missed: it is looked at again after that.
 * @throws what `show` does, and CommandError when the key has ended.
 */
export async function onEachChange(
  terminal: Terminal,
  client: Client,
  hostId: string[] | undefined,
  show: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([terminal.interrupted, stop.signal]);
  let hasChanged = false;
  let wake: () => void = () => undefined;

  const listen = async () => {
    for await (const { event } of client.stream({ query: { hostId }, signal })) {
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
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
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
