import { Problem } from '@muster/contracts';
import { Pool, type Dispatcher } from 'undici';
import { tally, type Call, type Metrics } from '../simulation/metrics.js';

/**
 * What came of a call. `retry`: it may succeed later (429, 408, 5xx, no connection, no answer in time); `refused`: it
 * will not, as it stands.
 */
export type Reply =
  | { kind: 'ok'; status: number; body: unknown }
  | { kind: 'retry'; reason: string; retryAfterMs: number | null }
  | { kind: 'refused'; status: number; problemType: string | null; reason: string };

/** Leaving without the answer: a moment after the body was sent, or when the answer begins to arrive. */
export type Loss = 'when-sent' | 'when-answered';

export interface Request {
  call: Call;
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  token: string;
  body?: string | Buffer;
  headers?: Readonly<Record<string, string>>;

  lose?: Loss | null;
}

/** Calls of the API. None throws. */
export interface Client {
  send(request: Request): Promise<Reply>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 20_000;

/** What an answer that was left behind is told as. */
const LOST = 'answer lost';

/**
 * A client of the API at `url` whose calls share `sockets` connections, kept alive.
 *
 * A fleet has a connection for each host. Here they share a few, because 5,000 mostly idle sockets in one process
 * would cost the two cores that are being measured, and show nothing that these do not: what counts is how many
 * requests are under way at once, and 128 sockets carry 1,280 a second where each is answered in 100 ms. Beyond that
 * requests wait here, and that wait is in the milliseconds that are shown.
 */
export function createClient({ url, sockets, metrics }: { url: string; sockets: number; metrics: Metrics }): Client {
  const { origin, pathname } = new URL(url);
  const base = pathname.replace(/\/$/, '');
  const pool = new Pool(origin, {
    ...{ connections: sockets, connectTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS },
  });

  return {
    send(request) {
      const { call, method, path, token, body = null, headers, lose = null } = request;
      const counts = metrics.calls[call];
      const startedAt = performance.now();
      const { promise, resolve } = withResolvers<Reply>();
      if (body !== null) counts.bytesSent += body.length;
      const options: Dispatcher.DispatchOptions = {
        ...{ path: base + path, method, body },
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === null ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      };
      let status = 0;
      let retryAfter: string | undefined;
      const chunks: Buffer[] = [];
      pool.dispatch(options, {
        onRequestStart(controller) {
          // The whole request is written in this turn of the event loop: in the next, it has been sent.
          if (lose === 'when-sent') setImmediate(() => controller.abort(new Error(LOST)));
        },
        onResponseStart(controller, statusCode, responseHeaders) {
          if (lose !== null) controller.abort(new Error(LOST));
          status = statusCode;
          const header = responseHeaders['retry-after'];
          retryAfter = typeof header === 'string' ? header : undefined;
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          const ms = performance.now() - startedAt;
          const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
          counts.answered += 1;
          counts.bytesReceived += bytes.length;
          counts.ms.record(ms);
          if (call !== 'read' && call !== 'admin') metrics.recentMs.record(ms);
          tally(metrics.statuses, status);
          resolve(toReply(status, bytes.toString(), retryAfter));
        },
        onResponseError(_controller, error) {
          const reason = innermost(error);
          if (reason !== LOST) tally(metrics.failures, reason);
          resolve({ kind: 'retry', reason, retryAfterMs: null });
        },
      });
      return promise;
    },
    close: () => pool.destroy(),
  };
}

/** `Promise.withResolvers`, which Node 20 has not. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((give) => (resolve = give));
  return { promise, resolve };
}

function toReply(status: number, text: string, retryAfter: string | undefined): Reply {
  const body = text === '' ? null : parseJson(text);
  if (status >= 200 && status < 300) return { kind: 'ok', status, body };
  const problem = Problem.safeParse(body);
  const reason = problem.success ? `${status} ${problem.data.title}: ${problem.data.detail}` : `answered ${status}`;
  if (status === 429 || status === 408 || status >= 500) {
    return { kind: 'retry', reason, retryAfterMs: parseRetryAfter(retryAfter) };
  }
  return { kind: 'refused', status, problemType: problem.success ? problem.data.type : null, reason };
}

/** Muster asks in seconds; a date would take a clock, and is taken for nothing. */
const parseRetryAfter = (header: string | undefined): number | null =>
  header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The innermost cause: undici wraps what the system said. */
function innermost(error: Error): string {
  const { cause, message, code } = error as NodeJS.ErrnoException & { cause?: unknown };
  return cause instanceof Error ? innermost(cause) : (code ?? message);
}
