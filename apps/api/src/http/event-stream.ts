import type { Response } from 'express';
import { HEARTBEAT } from '../services/live/stream-frame.js';
import type { StreamSink } from '../services/live/stream-listener.js';

/** Milliseconds between two signs of life, well below what proxies wait for. */
const HEARTBEAT_MS = 15_000;

/** Bytes that wait for one reader, beyond which it is closed: it can come again and say where it was. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Answers with an endless stream of server-sent events. It does not count as work while it waits for the next. */
export function openEventStream(res: Response): StreamSink {
  res.locals.work?.leave();
  // Not by `res.set`, which would add a charset: event streams are UTF-8 always.
  res.status(200).setHeader('Content-Type', 'text/event-stream');
  // Said to nginx, which would otherwise collect an answer before it sends any of it.
  res.setHeader('X-Accel-Buffering', 'no');
  res.flushHeaders();

  const heartbeat = setInterval(() => send(HEARTBEAT), HEARTBEAT_MS);
  const closed = new Promise<void>((resolve) => {
    const close = () => {
      clearInterval(heartbeat);
      resolve();
    };
    // A client may have gone while the first of it all was read.
    if (res.closed) close();
    else res.once('close', close);
  });
  const isClosed = () => res.closed || res.writableEnded;

  function send(bytes: Buffer): void {
    if (isClosed()) return;
    res.write(bytes);
    if (res.writableLength > BACKLOG_BYTES_MAX) res.destroy();
  }

  return {
    send,
    closed,
    async room() {
      if (isClosed() || !res.writableNeedDrain) return;
      await Promise.race([closed, new Promise((resolve) => res.once('drain', resolve))]);
    },
    end(lastBytes) {
      if (!isClosed()) res.end(lastBytes);
    },
    get isClosed() {
      return isClosed();
    },
  };
}
