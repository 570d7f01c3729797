import type { ServerResponse } from 'node:http';
import { isAwaitingContinue } from './expect-continue.js';

/** Maximum milliseconds for which the rest of an unneeded body is read after the response. */
const DRAIN_MS_MAX = 10_000;

/**
 * Sends `text` and ends the response. If the connection is to be closed while the client is still sending, the rest of
 * the request is first read and dropped. Closing earlier would reset the connection, and the client would lose the
 * response. `closes` states whether the connection is to be closed. By default, the headers of `res` decide.
 */
export function endAfterRequest(res: ServerResponse, text: string, closes?: boolean): void {
  const { req } = res;
  if (!res.headersSent) {
    // The server cannot know whether the next bytes are the body or a new request, so the connection must close.
    if (isAwaitingContinue(req) && !req.complete) res.setHeader('Connection', 'close');
    res.setHeader('Content-Length', Buffer.byteLength(text));
  }
  if (req.complete || req.destroyed || req.method === 'HEAD') {
    res.end(text);
    return;
  }
  res.write(text);
  // Checked only after the response has begun, because until then, a shutdown may set `Connection: close`.
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
