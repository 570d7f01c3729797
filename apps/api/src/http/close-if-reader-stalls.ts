import type { Response } from 'express';

/** Maximum milliseconds for which a client may read nothing while data of a response is pending. */
export const STALLED_MS_MAX = 30_000;

/**
 * Closes the connection of a client that has read nothing for `stalledMsMax` milliseconds while data is pending.
 * Otherwise, the response would continue to occupy memory and one of the slots for long responses. Call this function
 * before the response begins. `onClose` is called once when the response has ended, successfully or not.
 */
export function closeIfReaderStalls(res: Response, stalledMsMax: number, onClose?: () => void): void {
  let [bytesRead, readAt] = [-1, performance.now()];
  const check = setInterval(() => {
    const { socket } = res;
    if (res.closed) clearInterval(check);
    if (res.closed || socket === null) return;
    const bytesReadNow = socket.bytesWritten - res.writableLength;
    if (res.writableLength === 0 || bytesReadNow !== bytesRead) {
      bytesRead = bytesReadNow;
      readAt = performance.now();
    } else if (performance.now() - readAt >= stalledMsMax) {
      res.destroy();
    }
  }, stalledMsMax / 4).unref();
  if (onClose !== undefined) res.once('close', onClose);
}
