import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request on a connection, until it has come whole and its answer is out. */
export interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  isAnswered: boolean;
  /** Called once when the answer is out, or cannot be any more. */
  onAnswered: () => void;
}

export interface Connections {
  /** What is under way on a connection, in the order in which it is answered. */
  exchanges(socket: Duplex): Exchange[];

  /**
   * Closes every connection from which bytes are due, the rest of a request or the first of one, and none came since
   * the last `silentMs` at least; to be called again and again. One that is owed an answer is left alone.
   */
  closeSilent(silentMs: number): void;
}

interface Connection {
  socket: Socket;
  exchanges: Exchange[];
  /** How much had come when it was last looked at, and when that was first so. */
  bytesRead: number;
  sinceMs: number;
}

/**
 * Keeps account of a server's connections. Node's own closes those that are between two requests, but not those that
 * never sent one, or stopped in the middle of one: a browser's spare connection would hold up a shutdown.
 */
export function trackConnections(server: Server): Connections {
  const connections = new Map<Duplex, Connection>();

  server.on('connection', (socket: Socket) => {
    connections.set(socket, { socket, exchanges: [], bytesRead: -1, sinceMs: 0 });
    socket.once('close', () => {
      // Of answers that wait for their turn, Node does not say that their connection is gone.
      for (const exchange of connections.get(socket)?.exchanges ?? []) markAnswered(exchange);
      connections.delete(socket);
    });
  });

  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const connection = connections.get(req.socket);
    if (connection === undefined) return;
    const exchange: Exchange = { req, res, isAnswered: false, onAnswered: () => undefined };
    res.once('close', () => markAnswered(exchange));
    connection.exchanges = connection.exchanges.filter(isUnderWay);
    connection.exchanges.push(exchange);
  });

  const exchanges = (socket: Duplex) => (connections.get(socket)?.exchanges ?? []).filter(isUnderWay);

  return {
    exchanges,

    closeSilent(silentMs) {
      const now = performance.now();
      for (const connection of connections.values()) {
        const { socket } = connection;
        const owesAnswer = exchanges(socket).some(({ req, isAnswered }) => req.complete && !isAnswered);
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

function markAnswered(exchange: Exchange): void {
  if (exchange.isAnswered) return;
  exchange.isAnswered = true;
  exchange.onAnswered();
}

/** Resolves once an answer is out, or cannot be any more. */
export function answerOf(exchange: Exchange): Promise<void> {
  if (exchange.isAnswered) return Promise.resolve();
  return new Promise((resolve) => (exchange.onAnswered = resolve));
}

const isUnderWay = ({ req, isAnswered }: Exchange) => !isAnswered || !req.complete;
