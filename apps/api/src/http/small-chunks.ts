import type { IncomingMessage, ServerResponse } from 'node:http';

/** Chunks of one request's body that may have any size, and the bytes that all of them must hold on average beyond that. */
const WANTED = { chunksFree: 1_024, chunkBytesMin: 256 };

/** The same for what comes once the request is answered, which is read only so that the client reads the answer. */
const UNWANTED = { chunksFree: 64, chunkBytesMin: 4_096 };

/** The code of the error for a body that comes in too many small chunks. */
export const SMALL_CHUNKS = 'SMALL_CHUNKS';

/**
 * Watches a body that is sent with `Transfer-Encoding: chunked` and calls `refuse`, once, if it comes in many small chunks.
 * Node makes a buffer and an event of each: a million bytes sent one by one cost it a second in which no other connection is
 * served, and hundreds of times their size in memory, where limits count bytes. What comes after the answer is watched, too.
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
    refuse(Object.assign(new Error('The body comes in too many small chunks.'), { code: SMALL_CHUNKS }));
    return false;
  };
  // A body that no handler has read is dropped by Node once it is answered, where none of this would see it: so it is read.
  res.once('prefinish', () => {
    if (req.complete) return;
    req.resume();
    req.read(0);
  });
}
