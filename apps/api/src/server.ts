import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_MEDIA_TYPE, ProblemTypes, type Problem } from '@muster/contracts';

/** Milliseconds in which a request must have arrived whole, and its headers; checked every second. */
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_CHECK_MS = 1_000;

/** Longer than any common balancer keeps an idle connection, so that it is never we who close one it is using. */
const KEEP_ALIVE_TIMEOUT_MS = 70_000;

/** Milliseconds that requests in flight have to finish once nothing new is taken. */
const FINISH_TIMEOUT_MS = 10_000;

export interface HttpServer {
  /** Where it listens, as a URL. */
  url: string;
  /**
   * Takes leave without dropping a request: keeps answering for `graceMs`, in which balancers find `/readyz` failing
   * and move on, then takes no new connection, lets what is in flight finish, and closes.
   */
  drain(graceMs: number): Promise<void>;
}

/**
 * Serves `handler` on `host` and `port` (0: any free one).
 * @throws the system's error, EADDRINUSE among them, if it cannot listen.
 */
export async function serve(
  handler: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<HttpServer> {
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS };
  const intervals = { connectionsCheckingInterval: CONNECTIONS_CHECK_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS };
  const server = createServer({ ...timeouts, ...intervals }, handler);
  server.on('clientError', answerBrokenRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { url: urlOf(server, host), drain: (graceMs) => drain(server, graceMs) };
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function drain(server: Server, graceMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, graceMs));
  const force = setTimeout(() => server.closeAllConnections(), FINISH_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(force);
}

const BROKEN: Readonly<Record<string, Pick<Problem, 'type' | 'title' | 'status' | 'detail'>>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    type: ProblemTypes.requestTimeout,
    title: 'Request timeout',
    status: 408,
    detail: 'The request did not arrive in time.',
  },
  HPE_HEADER_OVERFLOW: {
    type: ProblemTypes.invalidRequest,
    title: 'Request header fields too large',
    status: 431,
    detail: 'The headers are too large.',
  },
};

const MALFORMED = {
  type: ProblemTypes.invalidRequest,
  title: 'Bad request',
  status: 400,
  detail: 'This is not well-formed HTTP.',
};

/** Answers what is too broken, too large or too slow to become a request, and closes. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { type, title, status, detail } = BROKEN[error.code ?? ''] ?? MALFORMED;
  const body = JSON.stringify({ type, title, status, detail, requestId: '' });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
