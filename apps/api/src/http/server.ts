import { createServer, type RequestListener, type Server } from 'node:http';
import { pino, type Logger } from 'pino';
import { createBrokenRequests } from './broken-request.js';
import { awaitContinue } from './expect-continue.js';
import { trackConnections, type Connections } from './connections.js';
import { limitSmallChunks } from './small-chunks.js';
import { reduceTarget } from './target.js';

/** Milliseconds in which a request must have arrived whole, and its headers; checked every second. */
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_CHECK_MS = 1_000;

/** Longer than any common balancer keeps an idle connection, so that it is never we who close one it is using. */
const KEEP_ALIVE_TIMEOUT_MS = 70_000;

/**
 * Connections that the system holds until we take them, so far as it allows (`net.core.somaxconn`). Beyond that it drops
 * what a client took for the end of a handshake, and the client waits for seconds. Node takes one in each turn of its
 * event loop, a few dozen a second where turns are long: its own 511 is too few for a fleet that comes back all at once.
 */
const BACKLOG = 4_096;

/** Milliseconds that requests in flight have to finish once nothing new is taken. */
const FINISH_TIMEOUT_MS = 10_000;

/**
 * Milliseconds without a byte after which a connection that owes us some is closed, once nothing new is taken; and
 * how often that is looked at.
 */
const SILENT_MS = 1_500;
const SILENCE_CHECK_MS = 100;

export interface HttpServer {
  /** Where it listens, as a URL. */
  url: string;
  /**
   * Takes leave without dropping a request: keeps answering for `graceMs`, in which balancers find `/readyz` failing
   * and move on, then takes no new connection, lets what is in flight finish, and closes. Who says nothing is not
   * waited for.
   */
  drain(graceMs: number): Promise<void>;
}

/**
 * Serves `handler` on `host` and `port` (0: any free one). What is too broken to become a request is answered here
 * and logged; what Node would refuse by itself with an empty answer (no Host, a strange Expect) goes to the handler.
 * @throws the system's error, EADDRINUSE among them, if it cannot listen.
 */
export async function serve(
  handler: RequestListener,
  { host, port, logger = pino({ level: 'silent' }) }: { host: string; port: number; logger?: Logger },
): Promise<HttpServer> {
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS };
  const intervals = { connectionsCheckingInterval: CONNECTIONS_CHECK_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS };
  const server = createServer({ ...timeouts, ...intervals, requireHostHeader: false });
  // Before the handler, so that nothing is answered before it is known of.
  const connections = trackConnections(server);
  const broken = createBrokenRequests(connections, logger);
  server.on('request', (req, res) => {
    if (connections.closeCrowded(req.socket)) return;
    limitSmallChunks(req, res, (error) => broken.refuse(error, req.socket));
    if (reduceTarget(req)) handler(req, res);
    else broken.refuseTarget(res);
  });
  server.on('checkContinue', (req, res) => {
    awaitContinue(req);
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
  await new Promise((resolve) => setTimeout(resolve, graceMs));
  const force = setTimeout(() => server.closeAllConnections(), FINISH_TIMEOUT_MS);
  const look = setInterval(() => connections.closeSilent(SILENT_MS), SILENCE_CHECK_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearInterval(look);
  clearTimeout(force);
}
