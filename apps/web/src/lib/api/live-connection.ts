import type { Client } from '@muster/client';
import type { StreamMessage } from '@muster/contracts';
import { isSignedOut } from './client';

/**
 * The state of the live stream. `connecting`: first connection attempt. `live`: changes arrive as they are committed.
 * `lagging`: connected, but the server has not sent changes after `since` yet. `lost`: disconnected at `since`, and
 * reconnecting. `ended`: the session has ended, and no more messages will arrive. `since` is in milliseconds, by the
 * server's clock for `lagging` and by this device's clock for `lost`.
 */
export type LiveState = { kind: 'connecting' | 'live' | 'ended' } | { kind: 'lagging' | 'lost'; since: number };

export interface LiveConnection {
  state(): LiveState;
  /** Calls `onChange` on each change of the state. Returns a function that unsubscribes. */
  subscribe(onChange: () => void): () => void;
  close(): void;
}

/** Milliseconds to the next attempt after the server refused the stream: it may have been replaced by then. */
const REFUSED_RETRY_MS = 15_000;

/**
 * Follows the stream, and reconnects whenever the connection is lost. Messages may be missing after a reconnect or a
 * `reset` message: `onGap` must then read everything again.
 */
export function connectLive(
  client: Pick<Client, 'stream'>,
  { onMessage, onGap }: { onMessage: (message: StreamMessage) => void; onGap: () => void },
): LiveConnection {
  let state: LiveState = { kind: 'connecting' };
  let attempt = new AbortController();
  let retry: ReturnType<typeof setTimeout> | undefined;
  const listeners = new Set<() => void>();

  const become = (next: LiveState): void => {
    state = next;
    listeners.forEach((listener) => listener());
  };
  const becomeLost = (): void => {
    if (state.kind !== 'lost') become({ kind: 'lost', since: Date.now() });
  };
  const becomeLive = (): void => {
    const wasLost = state.kind === 'lost';
    become({ kind: 'live' });
    if (wasLost) onGap();
  };

  async function follow({ signal }: AbortController): Promise<void> {
    const messages = client.stream({
      signal,
      onState: (connection) => {
        if (connection.state === 'open') becomeLive();
        else if (connection.state === 'waiting') becomeLost();
      },
    });
    for await (const message of messages) {
      if (message.event === 'reset') onGap();
      if (message.event === 'lagging') become({ kind: 'lagging', since: Date.parse(message.data.since) });
      if (message.event === 'caught-up') become({ kind: 'live' });
      if (message.event === 'unauthorized') become({ kind: 'ended' });
      onMessage(message);
    }
  }

  function start(): void {
    clearTimeout(retry);
    attempt.abort();
    const mine = (attempt = new AbortController());
    follow(mine).catch((error: unknown) => {
      if (mine.signal.aborted) return;
      if (isSignedOut(error)) {
        become({ kind: 'ended' });
        onMessage({ event: 'unauthorized', data: {} });
      } else {
        becomeLost();
        retry = setTimeout(start, REFUSED_RETRY_MS);
      }
    });
  }

  // Reconnect at once when the device is back online.
  const startAgain = (): void => {
    if (state.kind === 'lost') start();
  };
  window.addEventListener('online', startAgain);
  start();

  return {
    state: () => state,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    close() {
      window.removeEventListener('online', startAgain);
      clearTimeout(retry);
      attempt.abort();
      listeners.clear();
    },
  };
}
