import { OverloadedError } from '../errors.js';
import type { ByteHolder } from '../lib/byte-budget.js';
import type { Allowance } from '../lib/semaphore.js';
import type { BodyTransfer, BodyTransfers, TransferPeer } from './body-transfers.js';
import { RequestAbortedError } from './request-aborted.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express's own way of typing what a middleware leaves
  namespace Express {
    interface Locals {
      /** Absent where this process bounds nothing, as in an application without a server of ours around it. */
      work?: Work;
    }
  }
}

export interface WorkParts {
  requests: Allowance;
  /** What its body takes of the memory for bodies of its kind. */
  bytes: ByteHolder;
  transfers: BodyTransfers;
  /** Whether calls of its kind carry no credentials, so that their bodies are limited by address alone. */
  isAnonymous: boolean;
  /** Whether its client is still there. */
  isWanted: () => boolean;
}

/** A request's part of what there is for all of them. It is in from the beginning. */
export class Work {
  #isIn = true;
  #isOver = false;

  constructor(private readonly parts: WorkParts) {}

  /**
   * Takes up work again, if it had left.
   * @throws OverloadedError if its turn does not come, RequestAbortedError if its client has gone or it is over.
   */
  async enter(): Promise<void> {
    if (this.#isIn) return;
    const { requests, isWanted } = this.parts;
    if (this.#isOver) throw new RequestAbortedError();
    if (!(await requests.take(1, 'first'))) throw new OverloadedError();
    this.#isIn = true;
    if (this.isOver || !isWanted()) {
      // After the end, nothing else would give it back.
      this.leave();
      throw new RequestAbortedError();
    }
  }

  /** Makes room for others while it waits for something that takes its time: a body, or the next event of a stream. */
  leave(): void {
    if (!this.#isIn) return;
    this.#isIn = false;
    this.parts.requests.give(1);
  }

  /**
   * Counts bytes until the request is over. Where it has to wait for room, it leaves: those who hold bytes and wait for a
   * place must not wait for it. @throws as `enter` does.
   */
  async hold(bytes: number): Promise<void> {
    const taken = this.takeBytes(bytes);
    if (taken === true) return;
    this.leave();
    if (!(await taken)) throw new OverloadedError();
  }

  /** As `hold`, for who waits by itself: true, or whether there was room in time. */
  takeBytes(bytes: number): boolean | Promise<boolean> {
    const { bytes: holder, isWanted } = this.parts;
    // Nobody waits for what is read now, and what were taken for it would never be given back.
    if (this.#isOver) return false;
    const taken = holder.take(bytes);
    if (typeof taken === 'boolean') return taken;
    return taken.then((isTaken) => {
      if (!isTaken || (!this.#isOver && isWanted())) return isTaken;
      if (this.#isOver) holder.release();
      throw new RequestAbortedError();
    });
  }

  /** Declares that its body takes no more bytes. */
  holdsAll(): void {
    this.parts.bytes.complete();
  }

  /** Begins to receive a body that has not come whole. @throws RateLimitedError if too many of its peer's come already. */
  beginTransfer(peer: TransferPeer | null, address: string): Promise<BodyTransfer> {
    const { transfers, bytes, isAnonymous } = this.parts;
    return transfers.begin({ peer: isAnonymous ? null : peer, address, holder: bytes });
  }

  /** Whether everything was given back. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Gives everything back. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.leave();
    this.parts.bytes.release();
  }
}
