import type { Operation } from '@muster/contracts';
import { Pool } from 'undici';

/** A request. */
export interface Call {
  method?: Operation['method'];
  path: string;
  token?: string;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless `headers` contains another content type. */
  body?: string | Buffer;
  /** How long to wait for the response's head, and for each of its chunks. */
  timeoutMs?: number;
  /**
   * Loses the response on purpose: closes the connection after the request has been sent, or when the response begins.
   */
  lose?: 'when-sent' | 'when-answered';
}

/** A response with any status. */
export interface Reply {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
  /** Milliseconds from the call until the response was complete. */
  ms: number;
}

/** The connection failed, or the response did not arrive or was incomplete. */
export class BrokenCallError extends Error {
  /**
   * The error code from the operating system or from undici, or the error's message if there is no code. It is LOST if
   * the call had the option `lose`.
   */
  readonly code: string;

  constructor({ method = 'GET', path }: Call, cause: Error) {
    const code = innermostCode(cause);
    super(`${method} ${path}: ${code}`, { cause });
    this.code = code;
  }
}

/** undici wraps errors from the operating system. */
function innermostCode({ cause, code, message }: NodeJS.ErrnoException): string {
  return cause instanceof Error ? innermostCode(cause) : (code ?? message);
}

export interface HttpOptions {
  /** Maximum number of connections. Default: no limit. Calls wait for a free connection. */
  sockets?: number;
  /** Connects to a Unix socket instead of the URL's host. */
  socketPath?: string;
  /** The default timeout of calls. */
  timeoutMs?: number;
  /** Called with each result. */
  observe?: (call: Call, result: Reply | BrokenCallError) => void;
}

/** An HTTP client of one server, with connections that are kept open. */
export type Http = ReturnType<typeof createHttp>;

const LOST = 'LOST';
const TIMEOUT_MS = 30_000;
/** How long an idle connection stays open. The time is longer than any pause in a test. */
const KEEP_ALIVE_MS = 60_000;

export function createHttp(serverUrl: string, options: HttpOptions = {}) {
  const { sockets, socketPath, timeoutMs: defaultTimeoutMs = TIMEOUT_MS, observe } = options;
  const { origin, pathname } = new URL(serverUrl);
  const basePath = pathname.replace(/\/$/, '');
  const pool = new Pool(origin, {
    connections: sockets ?? null,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: defaultTimeoutMs, ...(socketPath === undefined ? {} : { socketPath }) },
  });

  /** @throws BrokenCallError if there is no complete response. */
  function send(call: Call): Promise<Reply> {
    const { method = 'GET', path, token, body = null, timeoutMs = defaultTimeoutMs, lose } = call;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (body !== null) headers['content-type'] = 'application/json';
    for (const [name, value] of Object.entries(call.headers ?? {})) headers[name.toLowerCase()] = value;
    const startedAt = performance.now();
    const reply: Reply = { status: 0, headers: {}, text: '', ms: 0 };
    const chunks: Buffer[] = [];
    const request = { path: basePath + path, method, headers, body, headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
    return new Promise((resolve, reject) => {
      pool.dispatch(request, {
        onRequestStart(controller) {
          // The client writes the whole request in this turn of the event loop. Aborting the call in the next turn
          // loses only the response.
          if (lose === 'when-sent') setImmediate(() => controller.abort(new Error(LOST)));
        },
        onResponseStart(controller, status, responseHeaders) {
          if (lose !== undefined) controller.abort(new Error(LOST));
          reply.status = status;
          reply.headers = responseHeaders;
        },
        onResponseData: (_controller, chunk) => void chunks.push(chunk),
        onResponseEnd() {
          reply.text = Buffer.concat(chunks).toString();
          reply.ms = performance.now() - startedAt;
          observe?.(call, reply);
          resolve(reply);
        },
        onResponseError(_controller, error) {
          const brokenCall = new BrokenCallError(call, error);
          observe?.(call, brokenCall);
          reject(brokenCall);
        },
      });
    });
  }

  return {
    send,
    close: () => pool.destroy(),
  };
}
