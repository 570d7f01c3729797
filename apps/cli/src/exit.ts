/** What the process ends with: the one list of it, which `muster --help` shows too. */
export const ExitCodes = {
  ok: 0,
  /** It could not be done; the message says why, and nothing was half done. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The API knows no such key, or the key may not do this. */
  refused: 3,
  /** The API does not answer, or has too much to do. */
  unreachable: 4,
} as const;
export type ExitCode = (typeof ExitCodes)[keyof typeof ExitCodes];

/** Ends a command: `message` is one line for the person who runs it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    readonly exitCode: ExitCode = ExitCodes.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
