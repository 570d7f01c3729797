import type { Response } from 'express';

/** Milliseconds within which a client must read some of an answer. */
export const STALLED_MS_MAX = 30_000;

/**
 * Closes the connection of a client that has read nothing for `stalledMsMax` while data waits for it: such an answer
 * occupies memory and one of the slots for long answers. Call it before the answer begins. `onClose` is called once
 * when the answer is over, however it ended.
 */
export function closeIfReaderStalls(res: Response, stalledMsMax: number, onClose?: () => void): void {
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
