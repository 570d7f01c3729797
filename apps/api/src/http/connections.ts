import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request on a connection and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Requests in progress allowed on one connection. HTTP/1.1 pipelining, the next request before the previous answer, is
 * rare, and our clients do not use it. Node processes all requests that it read in one turn of the event loop, during
 * which no other connection is served.
 */
const PIPELINED_MAX = 16;

export interface Connections {
  /** Returns the requests in progress on a connection, in the order of their answers. */
  exchanges(socket: Duplex): Exchange[];

  /** Closes a connection with too many requests in progress and stops parsing its input. True if it did. */
  closeIfPipelineFull(socket: Socket): boolean;

  /** Adds `Connection: close` to the answers that have not begun, so that no client reuses their connections. */
  closeAfterAnswers(): void;

  /**
   * Closes connections that owe the rest of a request, or a first one, and sent nothing for at least `silentMs`. Call
   * it repeatedly. Connections that wait for an answer are not closed.
   */
  closeStalled(silentMs: number): void;
}

interface Connection {
  readonly socket: Socket;
  readonly exchanges: Exchange[];
  /** Bytes read at the last check, and since when that number has not changed. */
  bytesRead: number;
  sinceMs: number;
}

/**
 * Tracks a server's connections. Node closes idle connections between two requests, but not those that never sent a
 * request or stopped in the middle of one: a browser's spare connection would delay a shutdown.
 *
 * Every request passes through here, including refused ones, so it must cost almost nothing: it creates no closures and
 * keeps no finished request, which would be most of the heap with thousands of idle connections.
 */
export function trackConnections(server: Server): Connections {
  const connections = new Map<Duplex, Connection>();

  const forget = (socket: Socket) => connections.delete(socket);
  function removeFinished(socket: Socket): void {
    const exchanges = connections.get(socket)?.exchanges ?? [];
    // Edited in place: a replaced array would keep its requests alive until the next full garbage collection.
    for (let i = exchanges.length - 1; i >= 0; i--) if (!isInProgress(exchanges[i]!)) exchanges.splice(i, 1);
  }
  function onAnswered(this: ServerResponse): void {
    // The answer was sent before the request was complete; the request ends when its rest was dropped.
    if (this.req.complete) removeFinished(this.req.socket);
    else this.req.on('close', onClosed);
  }
  function onClosed(this: IncomingMessage): void {
    removeFinished(this.socket);
  }

  server.on('connection', (socket: Socket) => {
    connections.set(socket, { socket, exchanges: [], bytesRead: -1, sinceMs: 0 });
    socket.once('close', () => forget(socket));
  });

  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const connection = connections.get(req.socket);
    // A crowded connection gets no further answers.
    if (connection === undefined || connection.exchanges.length > PIPELINED_MAX) return;
    connection.exchanges.push({ req, res });
    res.on('close', onAnswered);
  });

  const exchanges = (socket: Duplex) => (connections.get(socket)?.exchanges ?? []).filter(isInProgress);

  return {
    exchanges,
    closeIfPipelineFull(socket) {
      if ((connections.get(socket)?.exchanges.length ?? 0) <= PIPELINED_MAX) return false;
      // Hundreds of requests may remain in the data already read. Node has no public API to stop its parser; without it
      // they are parsed and ignored.
      (socket as { parser?: { pause?: () => void } }).parser?.pause?.();
      socket.destroy();
      return true;
    },

    closeAfterAnswers() {
      for (const connection of connections.values()) {
        for (const { res } of connection.exchanges) if (!res.headersSent) res.setHeader('Connection', 'close');
      }
    },

    closeStalled(silentMs) {
      const now = performance.now();
      for (const connection of connections.values()) {
        const { socket } = connection;
        const owesAnswer = exchanges(socket).some(({ req, res }) => req.complete && !res.closed);
        if (owesAnswer || socket.bytesRead !== connection.bytesRead) {
          connection.bytesRead = socket.bytesRead;
          connection.sinceMs = now;
        } else if (now - connection.sinceMs >= silentMs) {
          socket.destroy();
        }
      }
    },
  };
}

/** Resolves once an answer was sent or can no longer be sent. */
export function waitForAnswer({ req, res }: Exchange): Promise<void> {
  if (res.closed || req.socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settled = () => resolve();
    res.once('close', settled);
    // Node emits no close for queued answers when their connection is gone.
    req.socket.once('close', settled);
  });
}

const isInProgress = ({ req, res }: Exchange) => !res.closed || !req.complete;
