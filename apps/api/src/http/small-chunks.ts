import type { IncomingMessage, ServerResponse } from 'node:http';

/** Chunks of a body that may have any size, and the average bytes per chunk required beyond that number. */
const WANTED = { chunksFree: 1_024, chunkBytesMin: 256 };

/** The same for the rest of a request that was answered, which is read only so that the client reads the answer. */
const UNWANTED = { chunksFree: 64, chunkBytesMin: 4_096 };

/** The code of the error for a body in too many small chunks. */
export const SMALL_CHUNKS = 'SMALL_CHUNKS';

/**
 * Watches a body sent with `Transfer-Encoding: chunked`, and calls `refuse` once if it arrives in many small chunks.
 * Node creates a buffer and an event for each: a million bytes sent one by one block the event loop for a second, and
 * take hundreds of times their size in memory, while the limits count bytes. The rest of an answered request is watched
 * as well.
 */
export function limitSmallChunks(req: IncomingMessage, res: ServerResponse, refuse: (error: Error) => void): void {
  if (req.headers['transfer-encoding'] === undefined) return;
  const push = req.push.bind(req);
  let [chunks, bytes, allowed] = [0, 0, WANTED];
  let isRefused = false;
  req.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null) return push(chunk, encoding);
    if (isRefused) return false;
    if (allowed === WANTED && res.writableEnded) [chunks, bytes, allowed] = [0, 0, UNWANTED];
    chunks += 1;
    bytes += chunk.length;
    if (chunks <= allowed.chunksFree || bytes >= chunks * allowed.chunkBytesMin) return push(chunk, encoding);
    isRefused = true;
    refuse(Object.assign(new Error('The body arrived in too many small chunks.'), { code: SMALL_CHUNKS }));
    return false;
  };
  // Node discards an unread body after the answer without calling `push`, so it is read here instead.
  res.once('prefinish', () => {
    if (req.complete) return;
    req.resume();
    req.read(0);
  });
}
