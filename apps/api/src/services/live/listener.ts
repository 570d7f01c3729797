import type { StreamQuery } from '@muster/contracts';
import { isPositionAfter, type FeedPosition } from '../inventory/index.js';
import type { StreamChunk } from './chunk.js';
import { matchesListener, toChunk, type StreamFrame } from './frame.js';

/** The server's end of a client's stream. The sink sends all chunks in order, or is closed. */
export interface StreamSink {
  /** Queues a chunk to be sent. The sink closes itself if its client does not keep up. */
  send(chunk: StreamChunk): void;
  /** Resolves when the sink can accept more chunks, or has closed. */
  waitForRoom(): Promise<void>;
  /** Sends a last chunk, if given, and closes the sink. */
  end(lastChunk?: StreamChunk): void;
  readonly isClosed: boolean;
  /** Resolves when the sink has closed. */
  readonly closed: Promise<void>;
}

/** Maximum number of messages buffered for a listener that is still receiving missed events. */
const PENDING_MAX = 10_000;

/** A client of the live stream. */
export class StreamListener {
  /** The new messages that are buffered while missed events are being sent; null once the listener is live. */
  #pending: StreamFrame[] | null = [];
  #wasRestarted = false;

  constructor(
    readonly sink: StreamSink,
    readonly query: StreamQuery,
    /** The listener has received all events up to this position. */
    public position: FeedPosition,
  ) {}

  /**
   * Sends the messages that match, or buffers them until `goLive`. `all` is the encoded form of all `frames`, which is
   * sent if every frame matches.
   */
  emit(frames: readonly StreamFrame[], all: StreamChunk): void {
    const matching = frames.filter((frame) => matchesListener(frame, this.query, this.position));
    if (matching.length === 0) return;
    if (this.#pending === null) {
      this.#send(matching, matching.length === frames.length ? all : undefined);
    } else if (this.#pending.length + matching.length > PENDING_MAX) {
      this.sink.end();
    } else {
      this.#pending.push(...matching);
    }
  }

  /**
   * Restarts the listener at a new position, because the database may have lost the transactions before the old
   * position. Drops the buffered events, because the database may have lost them as well. Events that the listener
   * missed are not sent any more.
   */
  restartAt(position: FeedPosition): void {
    this.position = position;
    this.#wasRestarted = true;
    this.#pending = this.#pending?.filter((frame) => frame.position === undefined) ?? null;
  }

  get wasRestarted(): boolean {
    return this.#wasRestarted;
  }

  /** Sends messages before the buffered ones. Resolves when the sink can accept more chunks. */
  async emitFirst(frames: readonly StreamFrame[]): Promise<void> {
    const matching = frames.filter((frame) => matchesListener(frame, this.query, this.position));
    if (matching.length > 0) this.#send(matching);
    await this.sink.waitForRoom();
  }

  /** Sends the buffered messages. Afterwards, messages are sent as they arrive. */
  goLive(): void {
    const bufferedFrames = this.#pending ?? [];
    this.#pending = null;
    if (bufferedFrames.length > 0) this.#send(bufferedFrames);
  }

  #send(frames: readonly StreamFrame[], chunk: StreamChunk = toChunk(frames)): void {
    this.sink.send(chunk);
    for (const { position } of frames) {
      if (position !== undefined && isPositionAfter(position, this.position)) this.position = position;
    }
  }
}
