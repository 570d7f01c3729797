import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The first `chunksFree` chunks may have any size. If there are more chunks, the average size of all chunks must be at
 * least `chunkBytesMin` bytes.
 */
const BODY_LIMIT = { chunksFree: 1_024, chunkBytesMin: 256 };

/**
 * The limits for the rest of a request whose response has been sent. The rest is read only because a client that is
 * still sending does not read the response.
 */
const REMAINDER_LIMIT = { chunksFree: 64, chunkBytesMin: 4_096 };

/** The code of the error for a body in too many small chunks. */
export const SMALL_CHUNKS_ERROR_CODE = 'SMALL_CHUNKS';

/**
 * Watches a body sent with `Transfer-Encoding: chunked`, and calls `refuse` once if the body arrives in many small
 * chunks. Node creates a buffer and an event for each chunk. A million bytes sent one by one therefore block the event
 * loop for a second and take hundreds of times their size in memory. A byte limit does not prevent this. The rest of a
 * request is also watched after the response has been sent.
 */
export function limitSmallChunks(req: IncomingMessage, res: ServerResponse, refuse: (error: Error) => void): void {
  if (req.headers['transfer-encoding'] === undefined) return;
  const push = req.push.bind(req);
  let [chunks, bytes, limits] = [0, 0, BODY_LIMIT];
  let isRefused = false;
  req.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null) return push(chunk, encoding);
    if (isRefused) return false;
    if (limits === BODY_LIMIT && res.writableEnded) [chunks, bytes, limits] = [0, 0, REMAINDER_LIMIT];
    chunks += 1;
    bytes += chunk.length;
    if (chunks <= limits.chunksFree || bytes >= chunks * limits.chunkBytesMin) return push(chunk, encoding);
    isRefused = true;
    refuse(Object.assign(new Error('The body arrived in too many small chunks.'), { code: SMALL_CHUNKS_ERROR_CODE }));
    return false;
  };
  // Node discards an unread body after the response without calling `push`, so the body is read here instead.
  res.once('prefinish', () => {
    if (req.complete) return;
    req.resume();
    req.read(0);
  });
}
