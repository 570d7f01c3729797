import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request on a connection, and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Requests that may be under way on one connection at once. A client that sends the next one before it has its answer
 * (HTTP/1.1 pipelining) is rare, and one that sends many is not one of ours: Node reads all that came in one turn of the
 * event loop, and no other connection is served meanwhile.
 */
const PIPELINED_MAX = 16;

export interface Connections {
  /** What is under way on a connection, in the order in which it is answered. */
  exchanges(socket: Duplex): Exchange[];

  /** Closes a connection on which more requests are under way than one may have: true. No more of it is parsed. */
  closeCrowded(socket: Socket): boolean;

  /**
   * Closes every connection from which bytes are due, the rest of a request or the first of one, and none came since
   * the last `silentMs` at least; to be called again and again. One that is owed an answer is left alone.
   */
  closeSilent(silentMs: number): void;
}

interface Connection {
  readonly socket: Socket;
  readonly exchanges: Exchange[];
  /** How much had come when it was last looked at, and when that was first so. */
  bytesRead: number;
  sinceMs: number;
}

/**
 * Keeps account of a server's connections. Node's own closes those that are between two requests, but not those that
 * never sent one, or stopped in the middle of one: a browser's spare connection would hold up a shutdown.
 *
 * Every request passes here, refused ones among them, so that it costs next to nothing: no closure, and nothing of a
 * request is kept once it is over, which of thousands of idle connections would be most of the heap.
 */
export function trackConnections(server: Server): Connections {
  const connections = new Map<Duplex, Connection>();

  const forget = (socket: Socket) => connections.delete(socket);
  function settle(socket: Socket): void {
    const exchanges = connections.get(socket)?.exchanges ?? [];
    // In place: an array that was left behind would keep what it holds until the next full collection.
    for (let i = exchanges.length - 1; i >= 0; i--) if (!isUnderWay(exchanges[i]!)) exchanges.splice(i, 1);
  }
  function onAnswered(this: ServerResponse): void {
    // An answer that came before its request was whole: what is left of that is dropped, and then it is over.
    if (this.req.complete) settle(this.req.socket);
    else this.req.on('close', onClosed);
  }
  function onClosed(this: IncomingMessage): void {
    settle(this.socket);
  }

  server.on('connection', (socket: Socket) => {
    connections.set(socket, { socket, exchanges: [], bytesRead: -1, sinceMs: 0 });
    socket.once('close', () => forget(socket));
  });

  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const connection = connections.get(req.socket);
    // Of one that is crowded, nothing more is answered.
    if (connection === undefined || connection.exchanges.length > PIPELINED_MAX) return;
    connection.exchanges.push({ req, res });
    res.on('close', onAnswered);
  });

  const exchanges = (socket: Duplex) => (connections.get(socket)?.exchanges ?? []).filter(isUnderWay);

  return {
    exchanges,
    closeCrowded(socket) {
      if ((connections.get(socket)?.exchanges.length ?? 0) <= PIPELINED_MAX) return false;
      // Of what was read already, hundreds of requests may be left. Node has no public name for this; without it, they are
      // parsed and ignored.
      (socket as { parser?: { pause?: () => void } }).parser?.pause?.();
      socket.destroy();
      return true;
    },

    closeSilent(silentMs) {
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

/** Resolves once an answer is out, or cannot be any more. */
export function answerOf({ req, res }: Exchange): Promise<void> {
  if (res.closed || req.socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settled = () => resolve();
    res.once('close', settled);
    // Of answers that wait for their turn, Node does not say that their connection is gone.
    req.socket.once('close', settled);
  });
}

const isUnderWay = ({ req, res }: Exchange) => !res.closed || !req.complete;
