import type { FieldError } from '@muster/contracts';

/**
 * Codes of domain errors. An error's code and message are public; its cause is only logged. The error handler maps
 * codes to HTTP statuses.
 */
export type ErrorCode =
  | 'invalid_request'
  | 'token_invalid'
  | 'credentials_invalid'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'engine_id_in_use'
  | 'host_deleted'
  | 'request_timeout'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'unavailable';

export class DomainError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The request violates the contract. `errors` lists the invalid fields. */
export class InvalidRequestError extends DomainError {
  constructor(
    message: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super('invalid_request', message);
  }
}

/**
 * The token is malformed, unknown, expired, revoked or used up. The message does not reveal which of these applies,
 * with one exception. If an enrollment token is used up, the message states this, and contains the name of the host
 * that already has the presented `engineId`.
 */
export class TokenInvalidError extends DomainError {
  constructor(message: string) {
    super('token_invalid', message);
  }
}

/** The email address or the password is wrong. The message does not reveal which of them is wrong. */
export class CredentialsInvalidError extends DomainError {
  constructor() {
    super('credentials_invalid', 'Wrong email address or password.');
  }
}

/** The caller is authenticated, but its role does not permit the operation. */
export class ForbiddenError extends DomainError {
  constructor(message: string) {
    super('forbidden', message);
  }
}

/**
 * The resource does not exist or belongs to another organization; the response does not reveal which of these applies.
 */
export class NotFoundError extends DomainError {
  constructor(what: string) {
    super('not_found', `There is no such ${what}.`);
  }
}

/** The request is valid but conflicts with the current state. */
export class ConflictError extends DomainError {
  constructor(message: string) {
    super('conflict', message);
  }
}

/**
 * The host is alive, so an enrollment token cannot take it over. If the host sends nothing for `retryAfterMs`, it no
 * longer counts as alive.
 */
export class EngineIdInUseError extends DomainError {
  constructor(readonly retryAfterMs: number) {
    super(
      'engine_id_in_use',
      'A host with this engineId is alive. If it is this machine, retry after the time in Retry-After; otherwise ' +
        'enroll with another engineId.',
    );
  }
}

/** The token's host was deleted by an operator. */
export class HostDeletedError extends DomainError {
  constructor() {
    super('host_deleted', 'This host was deleted. Its agent should stop.');
  }
}

/** The client sent the body too slowly. */
export class RequestTimeoutError extends DomainError {
  constructor() {
    super('request_timeout', 'The body arrived too slowly. Send at least 1 KiB per second.');
  }
}

export class BodyTooLargeError extends DomainError {
  constructor(bytesMax: number) {
    super('body_too_large', `The body is larger than ${bytesMax} bytes, before or after decompression.`);
  }
}

export class UnsupportedMediaTypeError extends DomainError {
  constructor(message: string) {
    super('unsupported_media_type', message);
  }
}

/** The caller exceeded a rate limit; its next request is allowed after `retryAfterMs`. */
export class RateLimitedError extends DomainError {
  constructor(
    message: string,
    readonly retryAfterMs: number,
  ) {
    super('rate_limited', message);
  }
}

/** Earlier snapshots used up the host's budget. The next snapshot must wait. */
export class SnapshotDelayedError extends RateLimitedError {
  constructor(
    retryAfterMs: number,
    /**
     * Whether this request updates the host's last-seen time. At most one refused request every few seconds does so.
     */
    readonly updatesLastSeen: boolean,
  ) {
    super(
      'Earlier snapshots of this host took too much processing time. Retry after the time in Retry-After. Heartbeats are not affected.',
      retryAfterMs,
    );
  }
}

/** The process is overloaded or a dependency is unavailable; the same request may succeed later. */
export class UnavailableError extends DomainError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
  }
}

/** This process is overloaded. A retry, or a request to another process, may succeed. */
export class OverloadedError extends UnavailableError {
  constructor() {
    super('The server is overloaded. Retry later.');
  }
}
