import type { Client } from '@muster/client';
import type { StreamMessage } from '@muster/contracts';
import { isSignedOut } from './client';

/**
 * `live`: changes arrive as they commit. `connecting`: for the first time. `lagging`: connected, but the server holds
 * back what changed since then. `lost`: no connection since then; it is tried again. `ended`: the session is over, and
 * nothing will come. `since` is in milliseconds, by the server's clock for `lagging` and by this device's for `lost`.
 */
export type LiveState = { kind: 'connecting' | 'live' | 'ended' } | { kind: 'lagging' | 'lost'; since: number };

export interface LiveConnection {
  state(): LiveState;
  /** Calls back at each change of the state; returns what ends that. */
  subscribe(onChange: () => void): () => void;
  close(): void;
}

/** A server that refuses the stream for good may be replaced by one that does not. */
const REFUSED_RETRY_MS = 15_000;

/**
 * Follows the stream, and again whenever it breaks off. After a break, or where the server says so, not all that was
 * missed may come: `onGap` is to read everything again.
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

  // A laptop that wakes up, or a phone that finds a network, need not wait for the next try.
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
