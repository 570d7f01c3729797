import type { Response } from 'express';
import { HEARTBEAT, type StreamSink } from '../services/live/index.js';
import { NO_STORE } from './problem.js';

/** Milliseconds between two heartbeats, well below the idle timeouts of proxies. */
const HEARTBEAT_MS = 15_000;

/** Unsent bytes above which a reader's connection is closed. The reader can reconnect and resume. */
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
  res.flushHeaders();

  const heartbeat = setInterval(() => send(HEARTBEAT), heartbeatMs);
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
