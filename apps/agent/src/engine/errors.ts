/**
 * Why an engine could not be read. `unreachable`: no connection; `timeout`: no answer in time; `refused`: an HTTP
 * error; `malformed`: an answer that is not what was asked for, a list cut off half-way included; `too_large`: more than
 * this agent reads.
 */
export type EngineFailure = 'unreachable' | 'timeout' | 'refused' | 'malformed' | 'too_large';

/** An engine that could not be read. The message is one sentence for the operator, without an engine's secrets. */
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
