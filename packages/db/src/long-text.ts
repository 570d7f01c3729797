/** A value of several megabytes for a statement. It is sent in pieces and never copied as a whole. */
export class LongText {
  /** `pieces` are consecutive parts of the text in UTF-8. */
  constructor(readonly pieces: readonly Buffer[]) {}

  get byteLength(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0);
  }

  toString(): string {
    return Buffer.concat(this.pieces).toString();
  }
}
