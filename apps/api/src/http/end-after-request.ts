import type { ServerResponse } from 'node:http';
import { isAwaitingContinue } from './expect-continue.js';

/** Milliseconds for a client to send the rest of an unneeded body after it was answered. */
const DRAIN_MS_MAX = 10_000;

/**
 * Ends an answer with this text. If the connection closes afterwards while the client is still sending, the rest of the
 * request is read and dropped first: closing earlier resets the connection, and the client loses the answer.
 * `closes`: whether the connection closes afterwards, if the headers of `res` do not state it.
 */
export function endAfterRequest(res: ServerResponse, text: string, closes?: boolean): void {
  const { req } = res;
  if (!res.headersSent) {
    // The client decides whether to send the body after all, so further bytes on this connection cannot be interpreted.
    if (isAwaitingContinue(req) && !req.complete) res.setHeader('Connection', 'close');
    res.setHeader('Content-Length', Buffer.byteLength(text));
  }
  if (req.complete || req.destroyed || req.method === 'HEAD') {
    res.end(text);
    return;
  }
  res.write(text);
  // Checked only now: `Connection: close` is set on answers that have not begun when a shutdown begins.
  if (!(closes ?? closesConnection(res))) {
    res.end();
    return;
  }
  const end = () => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(end, DRAIN_MS_MAX);
  req.once('end', end);
  req.once('close', end);
  req.resume();
}

const closesConnection = (res: ServerResponse): boolean =>
  !res.shouldKeepAlive || /close/i.test(String(res.getHeader('Connection') ?? ''));
