import type { ServerResponse } from 'node:http';
import { isAwaitingContinue } from './expect-continue.js';

/** Milliseconds that a client has, once it is answered, to send the rest of a body that is no longer needed. */
const DRAIN_MS_MAX = 10_000;

/**
 * Ends an answer with this text. Where the connection closes after it while the client still sends, the rest of the request
 * is read and dropped first: closing earlier resets the connection, and the client loses the answer that it was given.
 * `closes`: whether the connection closes after it, where the headers of `res` do not say.
 */
export function endAfterRequest(res: ServerResponse, text: string, closes?: boolean): void {
  const { req } = res;
  if (!res.headersSent) {
    // The client decides whether it still sends the body, so what follows on this connection cannot be interpreted.
    if (isAwaitingContinue(req) && !req.complete) res.setHeader('Connection', 'close');
    res.setHeader('Content-Length', Buffer.byteLength(text));
  }
  if (req.complete || req.destroyed || req.method === 'HEAD') {
    res.end(text);
    return;
  }
  res.write(text);
  // Known only now: a process that shuts down closes connections whose answer begins.
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
