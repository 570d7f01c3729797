import type { Client } from '@muster/client';
import type { StreamMessage } from '@muster/contracts';
import { isSignedOut } from './client';

/**
 * The state of the live stream. `connecting`: first connection attempt. `live`: changes arrive as they are committed.
 * `lagging`: connected, but the server has not yet sent the changes that were committed after `since`. `lost`:
 * disconnected at `since`, and reconnecting. `ended`: the session has ended, and no more messages will arrive. `since`
 * is a time in milliseconds, according to the server's clock for `lagging` and to this device's clock for `lost`.
 */
export type LiveState = { kind: 'connecting' | 'live' | 'ended' } | { kind: 'lagging' | 'lost'; since: number };

export interface LiveConnection {
  state(): LiveState;
  /** Calls `onChange` whenever the state changes. Returns a function that unsubscribes. */
  subscribe(onChange: () => void): () => void;
  close(): void;
}

/** Delay before a retry after a server has rejected the stream (ms). Another server may respond to the retry. */
const REFUSED_RETRY_MS = 15_000;

/**
 * Reads the live stream, and reconnects whenever the connection is lost. After a reconnect or a `reset` message, it
 * calls `onGap`, which must refetch everything, because messages may be missing.
 */
export function connectLive(
  client: Pick<Client, 'stream'>,
  { onMessage, onGap }: { onMessage: (message: StreamMessage) => void; onGap: () => void },
): LiveConnection {
  let state: LiveState = { kind: 'connecting' };
  let currentAttempt = new AbortController();
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
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

  async function readStream({ signal }: AbortController): Promise<void> {
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
    clearTimeout(retryTimer);
    currentAttempt.abort();
    const thisAttempt = (currentAttempt = new AbortController());
    readStream(thisAttempt).catch((error: unknown) => {
      if (thisAttempt.signal.aborted) return;
      if (isSignedOut(error)) {
        setState({ kind: 'ended' });
        onMessage({ event: 'unauthorized', data: {} });
      } else {
        setLost();
        retryTimer = setTimeout(start, REFUSED_RETRY_MS);
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
      clearTimeout(retryTimer);
      currentAttempt.abort();
      listeners.clear();
    },
  };
}
