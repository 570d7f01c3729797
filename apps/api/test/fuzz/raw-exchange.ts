import { connect } from 'node:net';

/** The part of a response that was read. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Milliseconds after which a call counts as hanging. */
const HANGING_AFTER_MS = 30_000;

/** Milliseconds after which the client ends a request that might be incomplete. */
const GIVE_UP_AFTER_MS = 150;

/**
 * Sends bytes and reads the response until the server closes the connection. An event stream never ends, so only its
 * head is read. `mayBeCut` means that the message might be incomplete, so the server might wait for the rest. Resolves
 * with null if the connection was closed without a response.
 */
export function exchange(port: number, message: Buffer, mayBeCut: boolean): Promise<RawAnswer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.setTimeout(HANGING_AFTER_MS, () => {
      socket.destroy(new Error(`unfinished answer to ${JSON.stringify(message.toString('latin1').slice(0, 2_000))}`));
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (/\r\ncontent-type: text\/event-stream/i.test(Buffer.concat(chunks).toString('latin1'))) finish();
    });
    socket.on('end', finish);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed the connection while the request was being sent, possibly after sending its response.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') finish();
      else reject(error);
    });
    socket.write(message);
    const givingUp = mayBeCut ? setTimeout(() => socket.end(), GIVE_UP_AFTER_MS) : undefined;

    function finish(): void {
      clearTimeout(givingUp);
      socket.destroy();
      resolve(parse(Buffer.concat(chunks).toString('latin1')));
    }
  });
}

function parse(text: string): RawAnswer | null {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head);
  if (status === null) return null;
  const contentType = /\r\ncontent-type: ([^\r\n]*)/i.exec(head)?.[1] ?? '';
  return { status: Number(status[1]), contentType, body: rest.join('\r\n\r\n') };
}
