import type { Client } from '@muster/client';
import type { StreamMessage } from '@muster/contracts';
import { isSignedOut } from './client';

/**
 * The state of the live stream.
 *
 * - `connecting`: no message has arrived yet.
 * - `live`: changes arrive as they are committed.
 * - `lagging`: connected, but the server has not yet sent the changes that were committed after `since`.
 * - `lost`: disconnected since `since`, and reconnecting.
 * - `silent`: connected, but no message arrives, usually because a proxy buffers the stream.
 * - `ended`: the session has ended, and no more messages will arrive.
 *
 * `since` is a time in milliseconds. For `lagging`, it is from the server's clock; for `lost` and `silent`, from this
 * device's clock.
 */
export type LiveState =
  { kind: 'connecting' | 'live' | 'ended' } | { kind: 'lagging' | 'lost' | 'silent'; since: number };

/** Whether the data on the screen must be polled in this state, because changes arrive late or not at all. */
export const isPolling = ({ kind }: LiveState): boolean => kind === 'lost' || kind === 'silent' || kind === 'lagging';

export interface LiveConnection {
  state(): LiveState;
  /** Calls `onChange` whenever the state changes. Returns a function that unsubscribes. */
  subscribe(onChange: () => void): () => void;
  close(): void;
}

export interface LiveHandlers {
  onMessage: (message: StreamMessage) => void;
  /** Called when messages may be missing, so that everything must be refetched. */
  onGap: () => void;
}

/** Delay before a retry after a server has rejected the stream (ms). Another server may respond to the retry. */
const REFUSED_RETRY_MS = 15_000;

/** Maximum time until the first message of a connection (ms). The server sends this message immediately. */
const FIRST_MESSAGE_MS_MAX = 8_000;

/** Maximum time between two messages (ms). The server sends one at least every 15 s. */
const SILENCE_MS_MAX = 19_000;

/**
 * Messages that arrive within this time of each other count as having arrived together (ms). A proxy that holds
 * messages back releases many of them together, and is then silent again.
 */
const MESSAGE_GAP_MS_MIN = 1_000;

/**
 * Reads the live stream, and reconnects whenever the connection is lost. The state is `live` only after a message has
 * arrived. After a reconnect or a `reset` message, it calls `onGap`, because messages may be missing.
 */
export function connectLive(client: Pick<Client, 'stream'>, { onMessage, onGap }: LiveHandlers): LiveConnection {
  let state: LiveState = { kind: 'connecting' };
  let currentAttempt = new AbortController();
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let silenceTimer: ReturnType<typeof setTimeout> | undefined;
  let lastMessageAt = -Infinity;
  let laggingSince: number | null = null;
  const listeners = new Set<() => void>();

  const setState = (next: LiveState): void => {
    state = next;
    listeners.forEach((listener) => listener());
  };
  const isAway = (): boolean => state.kind === 'lost' || state.kind === 'silent';
  /** Sets the state to `live`, or to `lagging` if the server has announced a delay. */
  const setArriving = (): void =>
    setState(laggingSince === null ? { kind: 'live' } : { kind: 'lagging', since: laggingSince });
  const setAway = (kind: 'lost' | 'silent'): void => {
    if (state.kind === 'ended' || state.kind === kind) return;
    const since = state.kind === 'lost' || state.kind === 'silent' ? state.since : Date.now();
    setState({ kind, since });
    if (kind === 'silent') onGap();
  };
  const expectMessageWithin = (ms: number): void => {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => setAway('silent'), ms);
  };
  const onOpen = (): void => {
    lastMessageAt = -Infinity;
    laggingSince = null;
    expectMessageWithin(FIRST_MESSAGE_MS_MAX);
    // A new connection starts without a silence. Its first message must arrive within FIRST_MESSAGE_MS_MAX.
    if (state.kind === 'silent') setState({ kind: 'lost', since: state.since });
  };
  const recordMessage = (): void => {
    const now = Date.now();
    const gapMs = now - lastMessageAt;
    // A proxy releases held-back messages together. The silence ends only when messages arrive at separate times.
    const isRegular = state.kind !== 'silent' || (gapMs >= MESSAGE_GAP_MS_MIN && gapMs <= SILENCE_MS_MAX);
    if (state.kind !== 'silent' || gapMs >= MESSAGE_GAP_MS_MIN) lastMessageAt = now;
    expectMessageWithin(SILENCE_MS_MAX);
    if (!isRegular || (state.kind !== 'connecting' && !isAway())) return;
    const mayHaveMissed = isAway();
    setArriving();
    if (mayHaveMissed) onGap();
  };

  async function readStream({ signal }: AbortController): Promise<void> {
    const messages = client.stream({
      signal,
      onState: (connection) => {
        if (signal.aborted) return;
        if (connection.state === 'open') onOpen();
        // The timeout starts before the response arrives, because a proxy may also hold back the headers.
        else if (connection.state === 'connecting' && state.kind === 'connecting')
          expectMessageWithin(FIRST_MESSAGE_MS_MAX);
        else if (connection.state === 'waiting') {
          clearTimeout(silenceTimer);
          setAway('lost');
        }
      },
    });
    for await (const message of messages) {
      recordMessage();
      if (message.event === 'reset') onGap();
      if (message.event === 'lagging' || message.event === 'caught-up') {
        laggingSince = message.event === 'lagging' ? Date.parse(message.data.since) : null;
        if (!isAway()) setArriving();
      }
      if (message.event === 'unauthorized') {
        clearTimeout(silenceTimer);
        setState({ kind: 'ended' });
      }
      onMessage(message);
    }
  }

  function start(): void {
    clearTimeout(retryTimer);
    clearTimeout(silenceTimer);
    currentAttempt.abort();
    const thisAttempt = (currentAttempt = new AbortController());
    readStream(thisAttempt).catch((error: unknown) => {
      if (thisAttempt.signal.aborted) return;
      clearTimeout(silenceTimer);
      if (isSignedOut(error)) {
        setState({ kind: 'ended' });
        onMessage({ event: 'unauthorized', data: {} });
      } else {
        setAway('lost');
        retryTimer = setTimeout(start, REFUSED_RETRY_MS);
      }
    });
  }

  // Reconnects immediately when the device is back online.
  const reconnect = (): void => {
    if (isAway()) start();
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
      clearTimeout(silenceTimer);
      currentAttempt.abort();
      listeners.clear();
    },
  };
}
