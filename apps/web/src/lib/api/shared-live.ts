import type { StreamMessage } from '@muster/contracts';
import type { Elect } from './leadership';
import type { LiveConnection, LiveHandlers, LiveState } from './live-connection';

/** A broadcast between tabs. The leader sends `message` and `state`. A new tab sends `hello` to ask for the state. */
type Broadcast = { kind: 'message'; message: StreamMessage } | { kind: 'state'; state: LiveState } | { kind: 'hello' };

/** The part of `BroadcastChannel` that is used. */
export interface Channel {
  postMessage(data: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
  close(): void;
}

/** Interval at which the leader sends its state (ms), so that other tabs notice when it is frozen. */
const STATE_INTERVAL_MS = 5_000;

/** Maximum time without a broadcast from the leader (ms). After this time, another tab takes the leadership. */
const LEADER_SILENCE_MS_MAX = 17_000;

/** Maximum of a random additional delay (ms), so that not all tabs take the leadership at the same moment. */
const TAKEOVER_SPREAD_MS = 3_000;

/**
 * Shares one live stream between all tabs of the browser, because a browser opens only six connections to a server over
 * HTTP/1.1. The leading tab holds the stream, and sends its messages and state to the other tabs.
 */
export function shareLive(
  connect: (handlers: LiveHandlers) => LiveConnection,
  { onMessage, onGap }: LiveHandlers,
  channel: Channel,
  { elect, steal }: { elect: Elect; steal: () => void },
): LiveConnection {
  let state: LiveState = { kind: 'connecting' };
  let own: LiveConnection | null = null;
  let isClosed = false;
  const listeners = new Set<() => void>();
  const post = (data: Broadcast): void => channel.postMessage(data);
  const setState = (next: LiveState): void => {
    if (next.kind === state.kind && JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    listeners.forEach((listener) => listener());
  };

  let silenceTimer: ReturnType<typeof setTimeout> | undefined;
  const expectBroadcast = (): void => {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(
      () => {
        if (own !== null || state.kind === 'ended') return;
        if (state.kind !== 'silent') setState({ kind: 'silent', since: Date.now() });
        onGap();
        steal();
        expectBroadcast();
      },
      LEADER_SILENCE_MS_MAX + Math.random() * TAKEOVER_SPREAD_MS,
    );
  };

  channel.onmessage = ({ data }: MessageEvent<Broadcast>) => {
    if (data.kind === 'hello') {
      if (own !== null) post({ kind: 'state', state });
      return;
    }
    if (own !== null) return;
    expectBroadcast();
    if (data.kind === 'message') {
      if (data.message.event === 'reset') onGap();
      onMessage(data.message);
      return;
    }
    const wasAway = state.kind === 'lost' || state.kind === 'silent';
    setState(data.state);
    // Messages that were sent while the stream was disconnected are lost, and a silent stream delivers none.
    if ((wasAway && data.state.kind === 'live') || (!wasAway && data.state.kind === 'silent')) onGap();
  };

  const withdraw = elect((lost) => {
    clearTimeout(silenceTimer);
    const wasFollowing = state.kind !== 'connecting';
    const connection = connect({
      onMessage: (message) => {
        post({ kind: 'message', message });
        onMessage(message);
      },
      onGap,
    });
    own = connection;
    // The tab keeps the former leader's state until its own connection has a state.
    const publish = (): void => {
      if (connection.state().kind !== 'connecting' || !wasFollowing) setState(connection.state());
      post({ kind: 'state', state });
    };
    let wasLive = false;
    const unsubscribe = connection.subscribe(() => {
      publish();
      if (wasLive || connection.state().kind !== 'live') return;
      wasLive = true;
      // All tabs missed the messages that were sent after the former leader's connection ended.
      if (wasFollowing) {
        post({ kind: 'message', message: { event: 'reset', data: {} } });
        onGap();
      }
    });
    const stateTimer = setInterval(publish, STATE_INTERVAL_MS);
    publish();
    lost.addEventListener('abort', () => {
      clearInterval(stateTimer);
      unsubscribe();
      connection.close();
      if (own === connection) own = null;
      if (!isClosed) expectBroadcast();
    });
  });
  post({ kind: 'hello' });
  expectBroadcast();

  return {
    state: () => state,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    close() {
      isClosed = true;
      withdraw();
      own?.close();
      own = null;
      clearTimeout(silenceTimer);
      channel.onmessage = null;
      channel.close();
      listeners.clear();
    },
  };
}
