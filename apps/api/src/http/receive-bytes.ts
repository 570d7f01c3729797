import type { Request, Response } from 'express';
import { BodyTooLargeError, OverloadedError } from '../errors.js';
import type { BodyTransfer, TransferPeer } from './body-transfers.js';
import { sendContinue } from './expect-continue.js';
import { RequestAbortedError } from './request-aborted.js';
import type { RequestSlot } from './request-slot.js';

/** Bytes charged for a request in addition to its body. */
export const REQUEST_BYTES = 2_048;

/**
 * A body that arrives within this many milliseconds does not count as a transfer, because some clients send the headers
 * first and the body directly after them.
 */
const TRANSFER_AFTER_MS = 200;

/** A body counts as a transfer once more than this many bytes have arrived, even within `TRANSFER_AFTER_MS`. */
const TRANSFER_AFTER_BYTES = 16 * 1_024;

/**
 * Receives the bytes of a body. Counts the bytes that arrive, not the announced length. Reading pauses while memory for
 * the body is lacking, or while too many bodies of the caller are in transfer. The request slot is released while the
 * body arrives.
 * @throws BodyTooLargeError | OverloadedError | RequestTimeoutError | RateLimitedError as described at `readBody`,
 * and RequestAbortedError if the client disconnects.
 */
export async function receiveBytes(req: Request, bytesMax: number): Promise<Buffer> {
  const slot = req.res?.locals.slot;
  if (slot !== undefined) await slot.reserveBytes(REQUEST_BYTES);
  if (req.res !== undefined) sendContinue(req, req.res);
  if (slot === undefined) return receive(req, bytesMax);
  if (req.complete) return receive(req, bytesMax, slot);
  slot.release();
  return receive(req, bytesMax, slot, () => slot.startTransfer(peerOf(req.res!), req.ip ?? ''));
}

/** Returns the authenticated sender of the body; null if the caller is anonymous. */
function peerOf({ locals }: Response): TransferPeer | null {
  const { agent, enrollment, operator = locals.userSession?.operator } = locals;
  if (agent !== undefined) return { kind: 'host', id: agent.hostId };
  if (enrollment !== undefined) return { kind: 'enrollment', id: enrollment.enrollmentTokenId };
  return operator === undefined ? null : { kind: 'operator', id: operator.actor };
}

/**
 * Receives a body. If the whole body arrived together with the headers, `beginTransfer` is undefined. Otherwise,
 * `beginTransfer` returns a promise that resolves when the transfer of the body may begin.
 */
function receive(
  req: Request,
  bytesMax: number,
  slot?: RequestSlot,
  beginTransfer?: () => Promise<BodyTransfer>,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let isOver = false;
    /** The number of pending waits. Reading is paused while this number is above 0. */
    let pendingWaits = 0;
    let transfer: BodyTransfer | null = null;
    let isTransferRequested = beginTransfer === undefined;
    const grace = isTransferRequested ? undefined : setTimeout(() => void requestTransfer(), TRANSFER_AFTER_MS);

    function end(): void {
      isOver = true;
      clearTimeout(grace);
      transfer?.end();
    }
    // The rest of the body is read and dropped, because a client that is still sending does not read the response.
    function refuse(error: Error): void {
      if (isOver) return;
      end();
      chunks.length = 0;
      req.resume();
      reject(error);
    }
    /**
     * Pauses reading until a promise settles, and resolves with the promise's result. If the promise rejects, refuses
     * the body and resolves with null.
     */
    async function wait<T>(settled: Promise<T>): Promise<T | null> {
      pendingWaits += 1;
      req.pause();
      slot?.release();
      transfer?.setPaused(true);
      try {
        return await settled;
      } catch (error) {
        refuse(error as Error);
        return null;
      } finally {
        pendingWaits -= 1;
        if (pendingWaits === 0) {
          transfer?.setPaused(false);
          req.resume();
        }
      }
    }
    async function requestTransfer(): Promise<void> {
      if (isTransferRequested || isOver || beginTransfer === undefined) return;
      isTransferRequested = true;
      const newTransfer = await wait(beginTransfer());
      if (newTransfer !== null) startTransfer(newTransfer);
    }
    function startTransfer(newTransfer: BodyTransfer): void {
      transfer = newTransfer;
      newTransfer.onAborted = refuse;
      if (isOver) newTransfer.end();
    }
    async function waitForRoom(room: Promise<boolean>): Promise<void> {
      if ((await wait(room)) === false) refuse(new OverloadedError());
    }

    req.on('data', (chunk: Buffer) => {
      if (isOver) return;
      length += chunk.length;
      if (length > bytesMax) {
        refuse(new BodyTooLargeError(bytesMax));
        return;
      }
      chunks.push(chunk);
      transfer?.addBytes(chunk.length);
      if (length > TRANSFER_AFTER_BYTES) void requestTransfer();
      const room = slot === undefined || slot.tryReserveBytes(chunk.length);
      if (room === false) refuse(new OverloadedError());
      else if (room !== true) void waitForRoom(room);
    });
    req.on('end', () => {
      end();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    // Every request emits close. A request that closes before it has ended was aborted.
    const abort = () => {
      if (req.readableEnded) return;
      end();
      reject(new RequestAbortedError());
    };
    req.on('error', abort);
    req.on('close', abort);
    // If the connection closed before these listeners were added, no event will follow.
    if (req.destroyed) abort();
  });
}
