import { StreamMessages, type StreamMessage, type StreamMessageName } from '@muster/contracts';
import { ProblemError } from './errors.js';
import { EventStreamParser } from './event-stream-parser.js';
import type { Input } from './operation-types.js';
import { sendRequest, type Connection } from './request.js';

/**
 * The state of the stream's connection. In the state `waiting`, the next attempt starts in `retryInMs` milliseconds.
 */
export type ConnectionState =
  { state: 'connecting' | 'open' } | { state: 'waiting'; retryInMs: number; error: unknown };

export interface StreamOptions {
  /** Filters the events. By default, all events are sent. */
  query?: Input<'stream'>['query'];
  /** The id of the last handled message, after which the stream resumes. */
  lastEventId?: string | undefined;
  /** Ends the stream when aborted. */
  signal: AbortSignal;
  /** Called on each change of the connection's state. */
  onState?: (state: ConnectionState) => void;
  /**
   * Returns a number from 0 to 1, like Math.random. The delays before reconnects are random, so that clients do not all
   * reconnect at the same time.
   */
  random?: () => number;
}

/** Milliseconds before the first reconnect. The delay doubles with each failed attempt, up to `RETRY_MS_MAX`. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

/** Milliseconds without a received byte after which a connection counts as dead. The API sends data every 15 s. */
const IDLE_MS_MAX = 40_000;

const isKnownMessageName = (name: string): name is StreamMessageName => Object.hasOwn(StreamMessages, name);

/**
 * Follows `GET /api/stream` and yields each message. Reconnects when the connection is lost and resumes after the last
 * id. A `reset` message means that the API could not resend all missed events. Ends when `signal` is aborted or after
 * an `unauthorized` message.
 * @throws ProblemError if the API rejects the request permanently, for example because of an invalid key or parameter.
 */
export async function* followStream(
  connection: Connection,
  { query, lastEventId, signal, onState = () => undefined, random = Math.random }: StreamOptions,
): AsyncGenerator<StreamMessage> {
  const isOver = () => signal.aborted;
  let lastId = lastEventId;
  let failures = 0;
  while (!isOver()) {
    onState({ state: 'connecting' });
    let problem: unknown = null;
    try {
      const onId = (id: string) => (lastId = id);
      for await (const message of connectOnce(connection, { query, lastId, signal, onId }, onState)) {
        failures = 0;
        // Some messages, such as `reset` from an older API, have no id. After them, the stream resumes from the
        // previous id.
        lastId = message.id ?? lastId;
        yield message;
        if (message.event === 'unauthorized') return;
      }
    } catch (error) {
      if (isOver()) return;
      if (error instanceof ProblemError && isPermanentError(error.status)) throw error;
      problem = error;
    }
    if (isOver()) return;
    const retryAfterMs = problem instanceof ProblemError ? (problem.retryAfterSeconds ?? 0) * 1_000 : 0;
    const backoff = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures) * (0.5 + random() / 2);
    failures += 1;
    const retryInMs = Math.max(retryAfterMs, backoff);
    onState({ state: 'waiting', retryInMs, error: problem });
    await sleep(retryInMs, signal);
  }
}

/** Returns whether the API would also reject a retry. */
const isPermanentError = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429;

interface Attempt {
  query: StreamOptions['query'];
  lastId: string | undefined;
  signal: AbortSignal;
  /**
   * Called with the id of the last complete block after all messages up to this block were handled. The block itself
   * may contain no message.
   */
  onId: (id: string) => void;
}

async function* connectOnce(
  connection: Connection,
  { query, lastId, signal, onId }: Attempt,
  onState: (state: ConnectionState) => void,
): AsyncGenerator<StreamMessage> {
  const idle = new AbortController();
  const abortSignal = AbortSignal.any([signal, idle.signal]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const resetIdleTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(new Error('The stream has sent nothing for too long.')), IDLE_MS_MAX);
  };
  resetIdleTimer();
  try {
    const headers = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
    const response = await sendRequest(connection, 'stream', query ? { query } : {}, { signal: abortSignal, headers });
    if (response.body === null) return;
    onState({ state: 'open' });
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        resetIdleTimer();
        for (const { data, ...event } of parser.feed(decoder.decode(value, { stream: true }))) {
          // Skip messages that this client does not know. A newer API may send them.
          if (isKnownMessageName(event.event)) yield { ...event, data: JSON.parse(data) as unknown } as StreamMessage;
        }
        if (parser.lastEventId !== undefined) onId(parser.lastEventId);
      }
    } finally {
      // Close the connection, because the consumer may stop before the stream ends.
      await reader.cancel().catch(() => undefined);
    }
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
