/** What a command sees of the process that it runs in. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output: what was asked for. */
  out(text: string): void;
  /** Writes to standard error: what is told beside it. */
  err(text: string): void;
}
