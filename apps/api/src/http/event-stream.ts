import type { Response } from 'express';
import { crc32 } from 'node:zlib';
import { HEARTBEAT_CHUNK, type StreamChunk, type StreamSink } from '../services/live/index.js';
import { NO_STORE } from './problem.js';

/** Milliseconds between two heartbeats, well below the idle timeouts of proxies. */
const HEARTBEAT_MS = 15_000;

/** Maximum number of unsent bytes. If there are more, the connection is closed; the reader can reconnect and resume. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Responds with an endless stream of server-sent events. The stream occupies no request slot. */
export function openEventStream(res: Response, heartbeatMs = HEARTBEAT_MS): StreamSink {
  res.locals.slot?.release();
  // `res.set` would add a charset, but event streams are always UTF-8.
  res.status(200).setHeader('Content-Type', 'text/event-stream');
  // A proxy that compresses the stream would hold messages back until its buffer is full.
  res.setHeader('Cache-Control', `${NO_STORE}, no-transform`);
  // Stops nginx from buffering the stream.
  res.setHeader('X-Accel-Buffering', 'no');
  res.vary('Accept-Encoding');
  const encoding = res.req.acceptsEncodings('gzip', 'identity') === 'gzip' ? gzip() : IDENTITY;
  if (encoding.name !== 'identity') res.setHeader('Content-Encoding', encoding.name);
  res.flushHeaders();
  if (encoding.head.length > 0) res.write(encoding.head);

  const heartbeat = setInterval(() => send(HEARTBEAT_CHUNK), heartbeatMs);
  const closed = new Promise<void>((resolve) => {
    const close = () => {
      clearInterval(heartbeat);
      resolve();
    };
    // The client may have disconnected while the first data was read from the database.
    if (res.closed) close();
    else res.once('close', close);
  });
  const isClosed = () => res.closed || res.writableEnded;

  function send(chunk: StreamChunk): void {
    if (isClosed()) return;
    res.write(encoding.encode(chunk));
    if (res.writableLength > BACKLOG_BYTES_MAX) res.destroy();
  }

  return {
    send,
    closed,
    async waitForRoom() {
      if (isClosed() || !res.writableNeedDrain) return;
      await Promise.race([closed, new Promise((resolve) => res.once('drain', resolve))]);
    },
    end(lastChunk) {
      if (lastChunk !== undefined) send(lastChunk);
      if (!isClosed()) res.end(encoding.tail());
    },
    get isClosed() {
      return isClosed();
    },
  };
}

/** A content coding of one response: the bytes before the chunks, the encoded chunks, and the bytes after them. */
interface Encoding {
  name: 'gzip' | 'identity';
  head: Buffer;
  encode(chunk: StreamChunk): Buffer;
  tail(): Buffer;
}

const NO_BYTES = Buffer.alloc(0);

const IDENTITY: Encoding = { name: 'identity', head: NO_BYTES, encode: ({ bytes }) => bytes, tail: () => NO_BYTES };

/** The header of a gzip file (RFC 1952) with unknown time and system, and without optional fields. */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

/** An empty block that is marked as the last one (RFC 1951). */
const LAST_BLOCK = [3, 0];

/**
 * Creates one response's gzip encoding. The chunks are already compressed. Each response only adds a header at its
 * beginning, and the checksum and the length of the sent data at its end.
 */
function gzip(): Encoding {
  let checksum = 0;
  let length = 0;
  return {
    name: 'gzip',
    head: GZIP_HEAD,
    encode({ bytes, compressed }) {
      checksum = crc32(bytes, checksum);
      length += bytes.length;
      return compressed;
    },
    tail() {
      const tail = Buffer.from([...LAST_BLOCK, 0, 0, 0, 0, 0, 0, 0, 0]);
      tail.writeUInt32LE(checksum, 2);
      tail.writeUInt32LE(length % 2 ** 32, 6);
      return tail;
    },
  };
}
