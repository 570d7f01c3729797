/** The display capabilities of a terminal. */
export interface Screen {
  readonly columns: number;
  readonly hasColors: boolean;
}

/** A command's interface to its process. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes results to standard output. */
  out(text: string): void;
  /** Writes messages to standard error. */
  err(text: string): void;
  /** The terminal that standard output writes to; null if standard output is a file or a pipe. */
  readonly screen: Screen | null;
  /** Reads a line from standard input without echo. Prints the question only if standard input is a terminal. */
  askSecret(question: string): Promise<string>;
  /** Aborted when the user interrupts the command (SIGINT, SIGTERM). `--follow` and `--watch` then end with success. */
  readonly interrupted: AbortSignal;
}
