import type { Response } from 'express';

/** Maximum milliseconds for which a client may read nothing while data of a response is pending. */
export const STALLED_MS_MAX = 30_000;

/**
 * Number of consecutive checks without progress after which a client has stalled. Checks are counted instead of
 * milliseconds, because after a pause of this process, even a client that reads has made no progress.
 */
const CHECKS_MAX = 4;

/**
 * Closes the connection of a client that has read nothing for `stalledMsMax` milliseconds while data is pending.
 * Otherwise, the response would continue to occupy memory and one of the slots for long responses. Call this function
 * before the response begins. `onClose` is called once when the response has ended, successfully or not.
 */
export function closeIfReaderStalls(res: Response, stalledMsMax: number, onClose?: () => void): void {
  let [bytesRead, checksWithoutProgress] = [-1, 0];
  const check = setInterval(() => {
    const { socket } = res;
    if (res.closed) clearInterval(check);
    if (res.closed || socket === null) return;
    const bytesReadNow = socket.bytesWritten - res.writableLength;
    if (res.writableLength === 0 || bytesReadNow !== bytesRead) {
      bytesRead = bytesReadNow;
      checksWithoutProgress = 0;
    } else {
      checksWithoutProgress += 1;
      if (checksWithoutProgress === CHECKS_MAX) res.destroy();
    }
  }, stalledMsMax / CHECKS_MAX).unref();
  if (onClose !== undefined) res.once('close', onClose);
}
