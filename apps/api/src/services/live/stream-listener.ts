import type { StreamQuery } from '@muster/contracts';
import { isBehind, type FeedPosition } from './feed-position.js';
import { isFor, type StreamFrame } from './stream-frame.js';

/** The other end of a stream: what has been given to it is sent in order, or it is closed. */
export interface StreamSink {
  /** Takes what is to be sent. It ends by itself where its reader does not keep up. */
  send(bytes: Buffer): void;
  /** Resolves when there is room for more, and when it has closed. */
  room(): Promise<void>;
  /** Sends this and closes. */
  end(lastBytes: Buffer): void;
  readonly isClosed: boolean;
  /** Resolves when it has closed. */
  readonly closed: Promise<void>;
}

/** Messages that are kept for one who is still being told what was missed. */
const PENDING_MAX = 10_000;

/** One who listens. */
export class StreamListener {
  /** Messages of now, while those of before are still on their way; null: these have been told. */
  #pending: StreamFrame[] | null = [];
  #wasRestarted = false;

  constructor(
    readonly sink: StreamSink,
    readonly query: StreamQuery,
    /** Up to where the listener has been told. */
    public position: FeedPosition,
  ) {}

  /** Tells messages, or keeps them until `goLive`. `whole` is the bytes of all of them. */
  tell(frames: readonly StreamFrame[], whole: Buffer): void {
    const mine = frames.filter((frame) => isFor(frame, this.query, this.position));
    if (mine.length === 0) return;
    if (this.#pending === null) {
      this.#send(mine, mine.length === frames.length ? whole : undefined);
    } else if (this.#pending.length + mine.length > PENDING_MAX) {
      this.sink.end(Buffer.alloc(0));
    } else {
      this.#pending.push(...mine);
    }
  }

  /**
   * Begins again at a position: the database lost the history in which the listener's own lay. What is kept of that
   * history is dropped, and what was missed in it cannot be told any more.
   */
  restartAt(position: FeedPosition): void {
    this.position = position;
    this.#wasRestarted = true;
    this.#pending = this.#pending?.filter((frame) => frame.position === undefined) ?? null;
  }

  get wasRestarted(): boolean {
    return this.#wasRestarted;
  }

  /** Tells messages of before. Resolves when there is room for more. */
  async tellFirst(frames: readonly StreamFrame[]): Promise<void> {
    const mine = frames.filter((frame) => isFor(frame, this.query, this.position));
    if (mine.length > 0) this.#send(mine);
    await this.sink.room();
  }

  /** Tells what was kept meanwhile; from now on messages are told as they come. */
  goLive(): void {
    const kept = this.#pending ?? [];
    this.#pending = null;
    if (kept.length > 0) this.#send(kept);
  }

  #send(frames: readonly StreamFrame[], whole: Buffer = Buffer.concat(frames.map(({ bytes }) => bytes))): void {
    this.sink.send(whole);
    for (const { position } of frames) {
      if (position !== undefined && isBehind(position, this.position)) this.position = position;
    }
  }
}
