/** The exit codes of the process. `muster --help` shows them. */
export const ExitCodes = {
  ok: 0,
  /** The command failed and changed nothing. The message states the reason. */
  failed: 1,
  /** The command line is invalid. */
  usage: 2,
  /** The API key is invalid or has insufficient permission. */
  refused: 3,
  /** The server is unreachable or overloaded. */
  unreachable: 4,
} as const;
export type ExitCode = (typeof ExitCodes)[keyof typeof ExitCodes];

/** Thrown to end a command with an exit code and a one-line message for the user. */
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
