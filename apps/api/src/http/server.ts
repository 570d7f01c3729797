import { createServer, type RequestListener, type Server } from 'node:http';
import { pino, type Logger } from 'pino';
import { createBrokenRequestHandler } from './broken-request.js';
import { markAwaitingContinue } from './expect-continue.js';
import { trackConnections, type Connections } from './connections.js';
import { limitSmallChunks } from './limit-small-chunks.js';
import { normalizeTarget } from './target.js';

/** Milliseconds within which a whole request must arrive. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Milliseconds within which the headers of a request must arrive. */
const HEADERS_TIMEOUT_MS = 10_000;

/** Milliseconds between two checks of whether a request exceeds `REQUEST_TIMEOUT_MS` or `HEADERS_TIMEOUT_MS`. */
const CONNECTIONS_CHECK_INTERVAL_MS = 1_000;

/**
 * Milliseconds after which an idle connection is closed. Exceeds the idle timeouts of common load balancers, so that
 * this server never closes a connection that a load balancer still uses.
 */
const KEEP_ALIVE_TIMEOUT_MS = 70_000;

/**
 * Maximum number of connections that the kernel queues until Node accepts them, up to `net.core.somaxconn`. If the
 * queue is full, the kernel drops the last packet of the handshake. The client considers the handshake complete and
 * waits for seconds. Under load, Node accepts only a few dozen connections per second, one per turn of its event loop.
 * Node's default of 511 is therefore too small when a whole fleet reconnects at the same time.
 */
const BACKLOG = 4_096;

/** Maximum milliseconds for which requests in flight continue after the server has stopped accepting connections. */
const FINISH_TIMEOUT_MS = 10_000;

/** During shutdown, milliseconds between two checks for connections with an incomplete request. */
const STALLED_CHECK_INTERVAL_MS = 100;

/** During shutdown, a connection with an incomplete request is closed if no byte arrives during this many checks. */
const STALLED_CHECKS = 15;

export interface HttpServer {
  /** The URL at which the server listens. */
  url: string;
  /**
   * Shuts down without dropping a request. Adds `Connection: close` to responses that have not begun. Continues to
   * respond for `graceMs`. During that time, load balancers see `/readyz` fail and switch to other processes. Then
   * accepts no more connections, waits for requests in flight, and closes. Does not wait for silent connections.
   */
  drain(graceMs: number): Promise<void>;
}

/**
 * Serves `handler` on `host` and `port` (0: any free port). If `handler` is a promise, requests wait until it resolves.
 * Responds to malformed requests and logs them. Requests without Host or with an unknown Expect also reach the handler,
 * because Node would refuse them with an empty response.
 * @throws the operating system's error, such as EADDRINUSE, if the server cannot listen.
 */
export async function serve(
  handler: RequestListener | Promise<RequestListener>,
  { host, port, logger = pino({ level: 'silent' }) }: { host: string; port: number; logger?: Logger },
): Promise<HttpServer> {
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS };
  const intervals = {
    connectionsCheckingInterval: CONNECTIONS_CHECK_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  };
  const server = createServer({ ...timeouts, ...intervals, requireHostHeader: false });
  // Registered before the handler, so that every request is tracked before it is answered.
  const connections = trackConnections(server);
  const broken = createBrokenRequestHandler(connections, logger);
  // Once the handler is ready, it is called synchronously.
  let handle: RequestListener = (req, res) => void Promise.resolve(handler).then((ready) => ready(req, res));
  if (typeof handler === 'function') handle = handler;
  else void handler.then((ready) => (handle = ready));
  server.on('request', (req, res) => {
    if (connections.closeIfPipelineFull(req.socket)) return;
    limitSmallChunks(req, res, (error) => broken.refuse(error, req.socket));
    if (normalizeTarget(req)) handle(req, res);
    else broken.refuseTarget(res);
  });
  server.on('checkContinue', (req, res) => {
    markAwaitingContinue(req);
    server.emit('request', req, res);
  });
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  server.on('clientError', (error, socket) => broken.refuse(error, socket));
  server.on('connect', (_req, socket) => broken.refuseConnect(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { url: urlOf(server, host), drain: (graceMs) => drain(server, connections, graceMs) };
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function drain(server: Server, connections: Connections, graceMs: number): Promise<void> {
  connections.closeAfterResponses();
  await new Promise((resolve) => setTimeout(resolve, graceMs));
  const forcedClose = setTimeout(() => server.closeAllConnections(), FINISH_TIMEOUT_MS);
  const stalledCheck = setInterval(() => connections.closeStalled(STALLED_CHECKS), STALLED_CHECK_INTERVAL_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearInterval(stalledCheck);
  clearTimeout(forcedClose);
}
