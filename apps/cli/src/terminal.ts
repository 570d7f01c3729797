/** What a terminal can show. */
export interface Screen {
  readonly columns: number;
  readonly hasColours: boolean;
}

/** What a command sees of the process that it runs in. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output: what was asked for. */
  out(text: string): void;
  /** Writes to standard error: what is told beside it. */
  err(text: string): void;
  /** Where standard output is seen; null: it goes into a file or to another program. */
  readonly screen: Screen | null;
  /** Reads a line from standard input, and shows neither it nor, where nobody would see it, the question. */
  askSecret(question: string): Promise<string>;
  /** Aborted when whoever runs it wants it to end: that ends what would go on for good, and is no failure. */
  readonly interrupted: AbortSignal;
}
