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
  /** Calls `onChange` whenever the state changes. Returns a function that unsubscribes. */
  subscribe(onChange: () => void): () => void;
  close(): void;
}

/** Wait after the server refused the stream, in milliseconds. The server may have been replaced by then. */
const REFUSED_RETRY_MS = 15_000;

/**
 * Follows the stream, and reconnects whenever the connection is lost. Messages may be missing after a reconnect or a
 * `reset` message, so `onGap` must then refetch everything.
 */
export function connectLive(
  client: Pick<Client, 'stream'>,
  { onMessage, onGap }: { onMessage: (message: StreamMessage) => void; onGap: () => void },
): LiveConnection {
  let state: LiveState = { kind: 'connecting' };
  let attempt = new AbortController();
  let retry: ReturnType<typeof setTimeout> | undefined;
  const listeners = new Set<() => void>();

  const setState = (next: LiveState): void => {
    state = next;
    listeners.forEach((listener) => listener());
  };
  const setLost = (): void => {
    if (state.kind !== 'lost') setState({ kind: 'lost', since: Date.now() });
  };
  const setLive = (): void => {
    const wasLost = state.kind === 'lost';
    setState({ kind: 'live' });
    if (wasLost) onGap();
  };

  async function follow({ signal }: AbortController): Promise<void> {
    const messages = client.stream({
      signal,
      onState: (connection) => {
        if (connection.state === 'open') setLive();
        else if (connection.state === 'waiting') setLost();
      },
    });
    for await (const message of messages) {
      if (message.event === 'reset') onGap();
      if (message.event === 'lagging') setState({ kind: 'lagging', since: Date.parse(message.data.since) });
      if (message.event === 'caught-up') setState({ kind: 'live' });
      if (message.event === 'unauthorized') setState({ kind: 'ended' });
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
        setState({ kind: 'ended' });
        onMessage({ event: 'unauthorized', data: {} });
      } else {
        setLost();
        retry = setTimeout(start, REFUSED_RETRY_MS);
      }
    });
  }

  // Reconnects immediately when the device is back online.
  const reconnect = (): void => {
    if (state.kind === 'lost') start();
  };
  window.addEventListener('online', reconnect);
  start();

  return {
    state: () => state,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    close() {
      window.removeEventListener('online', reconnect);
      clearTimeout(retry);
      attempt.abort();
      listeners.clear();
    },
  };
}
