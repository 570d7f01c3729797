/** A text of megabytes, as a value of a statement: it is sent piece by piece, and never copied as a whole. */
export class LongText {
  /** `pieces`: the text in UTF-8, one after the other. */
  constructor(readonly pieces: readonly Buffer[]) {}

  get byteLength(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0);
  }

  toString(): string {
    return Buffer.concat(this.pieces).toString();
  }
}
