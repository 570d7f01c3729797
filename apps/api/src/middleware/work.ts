import { OverloadedError } from '../errors.js';
import type { Allowance } from '../services/allowance.js';
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

/** A request's part of what there is for all of them. It is in from the beginning. */
export class Work {
  #isIn = true;
  #isOver = false;
  #bytesHeld = 0;

  constructor(
    private readonly requests: Allowance,
    private readonly bytes: Allowance,
    /** Whether its client is still there. */
    private readonly isWanted: () => boolean,
  ) {}

  /**
   * Takes up work again, if it had left.
   * @throws OverloadedError if its turn does not come, RequestAbortedError if its client has gone.
   */
  async enter(): Promise<void> {
    if (this.#isIn) return;
    await this.#take(this.requests, 1, 'first');
    this.#isIn = true;
  }

  /** Makes room for others, while it waits for what is not ours to hurry: a body, or the next event of a stream. */
  leave(): void {
    if (!this.#isIn) return;
    this.#isIn = false;
    this.requests.give(1);
  }

  /**
   * Sets bytes aside until the request is over. Where it has to wait for them, it leaves: those who hold bytes and wait
   * for a place must not wait for it. @throws as `enter` does.
   */
  async hold(bytes: number, line?: 'first'): Promise<void> {
    await this.#take(this.bytes, bytes, line);
    this.#bytesHeld += bytes;
  }

  /** Gives back what was held and is not needed. */
  release(bytes: number): void {
    this.#bytesHeld -= bytes;
    this.bytes.give(bytes);
  }

  /** Gives everything back. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.leave();
    this.release(this.#bytesHeld);
  }

  async #take(from: Allowance, amount: number, line?: 'first'): Promise<void> {
    const turn = from.take(amount, line);
    if (turn === true) return;
    this.leave();
    if (!(await turn)) throw new OverloadedError();
    if (!this.#isOver && this.isWanted()) return;
    from.give(amount);
    throw new RequestAbortedError();
  }
}
