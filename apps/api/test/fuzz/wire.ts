import { connect } from 'node:net';

/** The beginning of an answer; null where the connection was closed without one. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** How long any call may take before it counts as one that hangs. */
const PATIENCE_MS = 30_000;

/** After which a client that may have sent too little for an answer hangs up. */
const GIVE_UP_AFTER_MS = 150;

/**
 * Sends bytes and reads until the other side closes. Of an answer that never ends (an event stream) only the head is
 * waited for. `maybeCut`: the message may be the beginning of a longer one, so that the other side waits for the rest.
 */
export function exchange(port: number, message: Buffer, maybeCut: boolean): Promise<RawAnswer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy(new Error(`no end of an answer to ${JSON.stringify(message.toString('latin1').slice(0, 2_000))}`));
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (/\r\ncontent-type: text\/event-stream/i.test(Buffer.concat(chunks).toString('latin1'))) finish();
    });
    socket.on('end', finish);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Closed on us in the middle of sending: what it said until then is its answer.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') finish();
      else reject(error);
    });
    socket.write(message);
    const givingUp = maybeCut ? setTimeout(() => socket.end(), GIVE_UP_AFTER_MS) : undefined;

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
