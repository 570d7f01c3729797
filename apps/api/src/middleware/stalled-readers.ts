import type { Response } from 'express';

/** Milliseconds in which a client must take some of an answer. */
export const STALLED_MS_MAX = 30_000;

/**
 * Closes the connection of an answer of which its client has taken nothing for `stalledMsMax` while some is waiting for it:
 * such answers are kept in memory, and count among those that there can be at once. To be called before the answer begins.
 * `onClose`: called once it is over, however it ended.
 */
export function closeWhenStalled(res: Response, stalledMsMax: number, onClose?: () => void): void {
  let [taken, takenAt] = [-1, performance.now()];
  const check = setInterval(() => {
    const { socket } = res;
    if (res.closed) clearInterval(check);
    if (res.closed || socket === null) return;
    const nowTaken = socket.bytesWritten - res.writableLength;
    if (res.writableLength === 0 || nowTaken !== taken) {
      taken = nowTaken;
      takenAt = performance.now();
    } else if (performance.now() - takenAt >= stalledMsMax) {
      res.destroy();
    }
  }, stalledMsMax / 4).unref();
  if (onClose !== undefined) res.once('close', onClose);
}
