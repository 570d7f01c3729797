/**
 * Exit codes of the process. They let a supervisor distinguish an error that an operator must fix from an error that
 * may be temporary.
 */
export const ExitCodes = {
  ok: 0,
  /** The command failed for a reason that may be temporary, so a retry may succeed. */
  failed: 1,
  /** A flag or a setting is invalid. */
  usage: 2,
  /**
   * The API rejects this machine's tokens or refuses to enroll it, or the machine's host was deleted. Only commands
   * that end on their own exit with this code; `run` never does.
   */
  dismissed: 3,
} as const;
export type ExitCode = (typeof ExitCodes)[keyof typeof ExitCodes];

/** Thrown to end the agent. `message` is one line for the operator. */
export class StopError extends Error {
  override readonly name = 'StopError';

  constructor(
    message: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
  }
}
