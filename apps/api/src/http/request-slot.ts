import { OverloadedError } from '../errors.js';
import type { ByteHolder } from '../lib/byte-budget.js';
import type { Semaphore } from '../lib/semaphore.js';
import type { BodyTransfer, BodyTransfers, TransferPeer } from './body-transfers.js';
import { RequestAbortedError } from './request-aborted.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express types res.locals through this namespace
  namespace Express {
    interface Locals {
      /** Absent if the app runs without admission control. */
      slot?: RequestSlot;
    }
  }
}

export interface RequestSlotOptions {
  requests: Semaphore;
  /** Acquires memory for the request's body. Each kind of call has its own memory budget. */
  bytes: ByteHolder;
  transfers: BodyTransfers;
  /** Whether calls of this kind carry no credentials. The bodies of such calls are limited only by address. */
  isAnonymous: boolean;
  /** Returns whether the client is still connected. */
  isClientConnected: () => boolean;
}

/**
 * One request's share of the concurrency limit. The request has a slot on arrival, and releases it while its body
 * arrives. The request then acquires a slot again for the work on the body, until the response has ended.
 */
export class RequestSlot {
  #priority: 'high' | 'normal' = 'normal';
  #isHeld = true;
  #isOver = false;

  constructor(private readonly options: RequestSlotOptions) {}

  /**
   * Acquires a slot of high priority for a request whose body has arrived. If the request still holds the slot from its
   * arrival, tries to promote that slot to high priority. If this is not possible, releases that slot and waits for
   * another one.
   * @throws OverloadedError if the wait times out, RequestAbortedError if the client disconnected or the request is
   * over.
   */
  async acquire(): Promise<void> {
    const { requests, isClientConnected } = this.options;
    if (this.#isHeld) {
      if (this.#priority === 'high') return;
      if (requests.promote(1)) {
        this.#priority = 'high';
        return;
      }
      this.release();
    }
    if (this.#isOver) throw new RequestAbortedError();
    if (!(await requests.acquire(1, 'high'))) throw new OverloadedError();
    this.#isHeld = true;
    this.#priority = 'high';
    if (this.isOver || !isClientConnected()) {
      // If `end` ran during the wait, no later call would release this slot.
      this.release();
      throw new RequestAbortedError();
    }
  }

  /** Releases the slot while the request waits for something slow, such as a body or the next event of a stream. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.options.requests.release(1, this.#priority);
  }

  /**
   * Reserves bytes until the request is over. If there is no room yet, releases the slot during the wait, to prevent a
   * deadlock: the requests that hold the bytes may be waiting for a slot.
   * @throws OverloadedError if the wait times out, RequestAbortedError if the client disconnected or the request is
   * over.
   */
  async reserveBytes(bytes: number): Promise<void> {
    const acquired = this.tryReserveBytes(bytes);
    if (acquired === true) return;
    this.release();
    if (!(await acquired)) throw new OverloadedError();
  }

  /**
   * Reserves bytes like `reserveBytes`, but does not release the slot. Returns false, or a promise of false, if there
   * was no room in time.
   */
  tryReserveBytes(bytes: number): boolean | Promise<boolean> {
    const { bytes: holder, isClientConnected } = this.options;
    // After `end`, reserved bytes would never be released.
    if (this.#isOver) return false;
    const acquired = holder.acquire(bytes);
    if (typeof acquired === 'boolean') return acquired;
    return acquired.then((isReserved) => {
      if (!isReserved || (!this.#isOver && isClientConnected())) return isReserved;
      if (this.#isOver) holder.release();
      throw new RequestAbortedError();
    });
  }

  /** Declares that no more bytes will be reserved for the body. */
  completeBody(): void {
    this.options.bytes.complete();
  }

  /**
   * Starts receiving a body that has not fully arrived.
   * @throws RateLimitedError if the peer or the address already has too many bodies in transfer.
   */
  startTransfer(peer: TransferPeer | null, address: string): Promise<BodyTransfer> {
    const { transfers, bytes, isAnonymous } = this.options;
    return transfers.begin({ peer: isAnonymous ? null : peer, address, holder: bytes });
  }

  /** Whether `end` was called. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Releases the slot and all bytes. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.release();
    this.options.bytes.release();
  }
}
