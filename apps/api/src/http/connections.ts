import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request on a connection and its response. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Maximum number of requests in progress on one connection. Our clients do not use HTTP/1.1 pipelining (sending the
 * next request before the previous response has arrived), and other clients rarely use it. Node processes all requests
 * that it has read from one connection before it serves another.
 */
const PIPELINED_MAX = 16;

export interface Connections {
  /** Returns the requests in progress on a connection, in the order of their responses. */
  exchanges(socket: Duplex): Exchange[];

  /**
   * Closes a connection that has too many requests in progress, and stops parsing its input. Returns whether it closed
   * the connection.
   */
  closeIfPipelineFull(socket: Socket): boolean;

  /** Adds `Connection: close` to the responses that have not begun, so that no client reuses their connections. */
  closeAfterResponses(): void;

  /**
   * Closes each connection that has sent nothing during `checks` consecutive calls of this function, for example a
   * connection that never sent a request, or sent only part of a request. Connections that wait for a response are not
   * closed. Call this function at regular intervals. Calls are counted instead of milliseconds, because a process that
   * was paused must read what has arrived in the meantime before it closes a connection.
   */
  closeStalled(checks: number): void;
}

interface Connection {
  readonly socket: Socket;
  readonly exchanges: Exchange[];
  /** The number of bytes read at the last check. */
  bytesRead: number;
  /** The number of consecutive checks at which `bytesRead` had not changed. */
  silentChecks: number;
}

/**
 * Tracks a server's connections. When a server closes, Node closes connections that are idle between two requests. Node
 * does not close connections that never sent a request, or sent only part of a request. Without tracking, a browser's
 * spare connection would delay a shutdown.
 *
 * Every request is tracked, including refused ones, so tracking must cost almost nothing. No closures are created and
 * no finished requests are kept, because with thousands of idle connections, closures and finished requests would make
 * up most of the heap.
 */
export function trackConnections(server: Server): Connections {
  const connections = new Map<Duplex, Connection>();

  const forget = (socket: Socket) => connections.delete(socket);
  function removeFinished(socket: Socket): void {
    const exchanges = connections.get(socket)?.exchanges ?? [];
    // The array is edited in place. A replaced array would keep its requests alive until the next full garbage
    // collection.
    for (let i = exchanges.length - 1; i >= 0; i--) if (!isInProgress(exchanges[i]!)) exchanges.splice(i, 1);
  }
  function onAnswered(this: ServerResponse): void {
    // If the response was sent before the request was complete, the request ends when its remaining bytes have been
    // dropped.
    if (this.req.complete) removeFinished(this.req.socket);
    else this.req.on('close', onClosed);
  }
  function onClosed(this: IncomingMessage): void {
    removeFinished(this.socket);
  }

  server.on('connection', (socket: Socket) => {
    connections.set(socket, { socket, exchanges: [], bytesRead: -1, silentChecks: 0 });
    socket.once('close', () => forget(socket));
  });

  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const connection = connections.get(req.socket);
    // A connection with too many requests in progress gets no further responses.
    if (connection === undefined || connection.exchanges.length > PIPELINED_MAX) return;
    connection.exchanges.push({ req, res });
    res.on('close', onAnswered);
  });

  const exchanges = (socket: Duplex) => (connections.get(socket)?.exchanges ?? []).filter(isInProgress);

  return {
    exchanges,
    closeIfPipelineFull(socket) {
      if ((connections.get(socket)?.exchanges.length ?? 0) <= PIPELINED_MAX) return false;
      // Hundreds of requests may remain in the data already read. Node has no public API to stop its parser. If `pause`
      // is missing, those requests are parsed and ignored.
      (socket as { parser?: { pause?: () => void } }).parser?.pause?.();
      socket.destroy();
      return true;
    },

    closeAfterResponses() {
      for (const connection of connections.values()) {
        for (const { res } of connection.exchanges) if (!res.headersSent) res.setHeader('Connection', 'close');
      }
    },

    closeStalled(checks) {
      for (const connection of connections.values()) {
        const { socket } = connection;
        const isAwaitingResponse = exchanges(socket).some(({ req, res }) => req.complete && !res.closed);
        if (isAwaitingResponse || socket.bytesRead !== connection.bytesRead) {
          connection.bytesRead = socket.bytesRead;
          connection.silentChecks = 0;
        } else {
          connection.silentChecks += 1;
          if (connection.silentChecks >= checks) socket.destroy();
        }
      }
    },
  };
}

/** Resolves once a response has been sent or can no longer be sent. */
export function waitForResponse({ req, res }: Exchange): Promise<void> {
  if (res.closed || req.socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settled = () => resolve();
    res.once('close', settled);
    // Node emits no close event for queued responses whose connection has closed.
    req.socket.once('close', settled);
  });
}

const isInProgress = ({ req, res }: Exchange) => !res.closed || !req.complete;
