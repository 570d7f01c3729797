/**
 * A keep-alive HTTP/1.1 connection with one request in flight. It uses a socket directly. HTTP libraries need several
 * times as much CPU time, which the load generator would take from the server on the same machine. It supports only
 * responses like the responses of the measured servers: with Content-Length, without chunks, and without closing the
 * connection.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Call } from '@muster/testkit/http';

/** A request. A body is sent as JSON. */
export type HttpRequest = Pick<Call, 'method' | 'path' | 'token' | 'headers' | 'body'>;

type Answer = NonNullable<ReturnType<typeof readAnswer>>;

export type Connection = Awaited<ReturnType<typeof openConnection>>;

const EMPTY = Buffer.alloc(0);
const HEAD_END = '\r\n\r\n';

/** Opens a connection to a port of the loopback interface. */
export async function openConnection(port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let received: Buffer = EMPTY;
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null;

  const fail = (error: Error) => {
    waiting?.reject(error);
    waiting = null;
    socket.destroy();
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed the connection')));
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    try {
      const answer = readAnswer(received);
      if (answer === null) return;
      received = EMPTY;
      waiting?.resolve(answer);
      waiting = null;
    } catch (error) {
      fail(error as Error);
    }
  });

  return {
    /** @throws if the connection breaks, or if this client does not support the response. */
    send: (request: HttpRequest) =>
      new Promise<Answer>((resolve, reject) => {
        if (socket.destroyed) {
          reject(new Error('the connection is closed'));
          return;
        }
        waiting = { resolve, reject };
        socket.cork();
        socket.write(headOf(request), 'latin1');
        if (request.body !== undefined) socket.write(request.body);
        socket.uncork();
      }),
    close: () => void socket.destroy(),
  };
}

/** Returns the request line and headers, with the blank line after them. */
export function headOf({ method = 'GET', path, token, headers = {}, body }: HttpRequest): string {
  let head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1`;
  if (token !== undefined) head += `\r\nAuthorization: Bearer ${token}`;
  if (body !== undefined) {
    head += `\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  }
  for (const name in headers) head += `\r\n${name}: ${headers[name]}`;
  return head + HEAD_END;
}

/** Parses a response; its `head` is the status line and the headers. Returns null while bytes are missing. */
function readAnswer(bytes: Buffer) {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`a response without Content-Length:\n${head}`);
  const bodyStart = headEnd + HEAD_END.length;
  const bodyEnd = bodyStart + Number(length);
  if (bytes.length < bodyEnd) return null;
  return { status: Number(head.slice(9, 12)), head, body: bytes.subarray(bodyStart, bodyEnd) };
}
