/**
 * Why an engine could not be read. `unreachable`: no connection; `timeout`: no answer in time; `refused`: an HTTP
 * error; `malformed`: an answer with an unexpected format, including a list that was cut off; `too_large`: more than
 * the agent reads.
 */
export type EngineFailure = 'unreachable' | 'timeout' | 'refused' | 'malformed' | 'too_large';

/** Thrown if an engine cannot be read. The message is one sentence for the operator and contains no secrets. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly failure: EngineFailure,
    message: string,
    /** The HTTP status of a `refused`. */
    readonly status: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
