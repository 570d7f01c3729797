/** What the process ends with, so that a supervisor can tell a mistake to fix from a failure to wait out. */
export const ExitCodes = {
  ok: 0,
  /** It could not list, post or start; another try may work. */
  failed: 1,
  /** A flag or an environment value is wrong. */
  usage: 2,
  /** The API refuses this machine's tokens, or deleted its host. Only a single command ends with it, never `run`. */
  dismissed: 3,
} as const;
export type ExitCode = (typeof ExitCodes)[keyof typeof ExitCodes];

/** Ends the agent: `message` is one line for the person who runs it. */
export class StopError extends Error {
  override readonly name = 'StopError';

  constructor(
    message: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
  }
}
