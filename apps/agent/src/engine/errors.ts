/**
 * Why an engine could not be read:
 *
 * - `unreachable`: no connection.
 * - `timeout`: no response in time.
 * - `refused`: an HTTP error.
 * - `malformed`: a response with an unexpected format, including a truncated list.
 * - `too_large`: a response that is longer than the agent accepts.
 */
export type EngineFailure = 'unreachable' | 'timeout' | 'refused' | 'malformed' | 'too_large';

/** Thrown if an engine cannot be read. The message is one sentence for the operator and contains no secrets. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly failure: EngineFailure,
    message: string,
    /** The HTTP status if the failure is `refused`; null otherwise. */
    readonly status: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
