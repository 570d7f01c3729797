import { StreamMessages, type StreamMessage, type StreamMessageName } from '@muster/contracts';
import { ProblemError } from './errors.js';
import { EventStreamParser } from './event-stream-parser.js';
import type { Input } from './operation-types.js';
import { send, type Connection } from './request.js';

/** How the stream's connection is: `waiting` for the next try, `retryInMs` from now. */
export type ConnectionState =
  { state: 'connecting' | 'open' } | { state: 'waiting'; retryInMs: number; error: unknown };

export interface StreamOptions {
  /** What to be told of; everything by default. */
  query?: Input<'stream'>['query'];
  /** Where to go on from: the id of the last message that was seen. */
  lastEventId?: string | undefined;
  /** Ends it. */
  signal: AbortSignal;
  /** Is told of each change of the connection. */
  onState?: (state: ConnectionState) => void;
  /** 0 to 1, as Math.random: spreads those who lost their connections together. */
  random?: () => number;
}

/** Milliseconds before the first try after a connection was lost; each further one waits for twice as long. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

/** Milliseconds without a byte after which a connection is taken for dead: the API says something every 15 s. */
const SILENCE_MS_MAX = 40_000;

const isName = (name: string): name is StreamMessageName => Object.hasOwn(StreamMessages, name);

/**
 * Follows `GET /api/stream`: gives each message, and connects again where the connection is lost, continuing after the
 * last id, so that no event is missed without a `reset`. It ends when `signal` is aborted, or after a message `unauthorized`.
 * @throws ProblemError where the API refuses for good: a key that is not valid, a parameter that it does not know.
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
        // A `reset` without an id is an older API's: the id that it had still says more than none.
        lastId = message.id ?? lastId;
        yield message;
        if (message.event === 'unauthorized') return;
      }
    } catch (error) {
      if (isOver()) return;
      if (error instanceof ProblemError && isFinal(error.status)) throw error;
      problem = error;
    }
    if (isOver()) return;
    const asked = problem instanceof ProblemError ? (problem.retryAfterSeconds ?? 0) * 1_000 : 0;
    const backoff = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures) * (0.5 + random() / 2);
    failures += 1;
    const retryInMs = Math.max(asked, backoff);
    onState({ state: 'waiting', retryInMs, error: problem });
    await sleep(retryInMs, signal);
  }
}

/** What the same request would be told again. */
const isFinal = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429;

interface Attempt {
  query: StreamOptions['query'];
  lastId: string | undefined;
  signal: AbortSignal;
  /** Called with an id that came without a message, once all messages before it have been taken. */
  onId: (id: string) => void;
}

async function* connectOnce(
  connection: Connection,
  { query, lastId, signal, onId }: Attempt,
  onState: (state: ConnectionState) => void,
): AsyncGenerator<StreamMessage> {
  const silence = new AbortController();
  const ended = AbortSignal.any([signal, silence.signal]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error('The stream has fallen silent.')), SILENCE_MS_MAX);
  };
  heard();
  try {
    const headers = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
    const response = await send(connection, 'stream', query ? { query } : {}, { signal: ended, headers });
    if (response.body === null) return;
    onState({ state: 'open' });
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        for (const { data, ...event } of parser.feed(decoder.decode(value, { stream: true }))) {
          // A newer API may say more than is known here.
          if (isName(event.event)) yield { ...event, data: JSON.parse(data) as unknown } as StreamMessage;
        }
        if (parser.lastEventId !== undefined) onId(parser.lastEventId);
      }
    } finally {
      // Also where nobody wants the next message: the connection would stay.
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
