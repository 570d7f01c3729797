import type { FieldError } from '@muster/contracts';

/**
 * What can go wrong in the domain. An error's code and message are public; its cause is for the log only. Nothing
 * here knows of HTTP: the error handler gives each code its status.
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

/** A request that breaks the contract; `errors` name the fields. */
export class InvalidRequestError extends DomainError {
  constructor(
    message: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super('invalid_request', message);
  }
}

/** A token that is malformed, unknown, expired, revoked or used up; which of them is not told. */
export class TokenInvalidError extends DomainError {
  constructor(message: string) {
    super('token_invalid', message);
  }
}

/** An e-mail address and a password that let nobody in; which of them is wrong is not told. */
export class CredentialsInvalidError extends DomainError {
  constructor() {
    super('credentials_invalid', 'The e-mail address or the password is not right.');
  }
}

/** A good token of a role that may not do this. */
export class ForbiddenError extends DomainError {
  constructor(message: string) {
    super('forbidden', message);
  }
}

/** Something that does not exist, or belongs to another organization: the two are one answer. */
export class NotFoundError extends DomainError {
  constructor(what: string) {
    super('not_found', `There is no such ${what}.`);
  }
}

/** A good request that what is there now does not allow. */
export class ConflictError extends DomainError {
  constructor(message: string) {
    super('conflict', message);
  }
}

/** No enrollment token takes over a host that is alive; in `retryAfterMs` it no longer is, unless it is seen again. */
export class EngineIdInUseError extends DomainError {
  constructor(readonly retryAfterMs: number) {
    super(
      'engine_id_in_use',
      'A host with this engineId was seen a moment ago. If it is this machine, try again after Retry-After; otherwise ' +
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

/** A body that came too slowly to be waited for. */
export class RequestTimeoutError extends DomainError {
  constructor() {
    super('request_timeout', 'The body came too slowly: at least 1 KiB a second is expected.');
  }
}

export class BodyTooLargeError extends DomainError {
  constructor(bytesMax: number) {
    super('body_too_large', `The body is larger than ${bytesMax} bytes, as sent or once decompressed.`);
  }
}

export class UnsupportedMediaTypeError extends DomainError {
  constructor(message: string) {
    super('unsupported_media_type', message);
  }
}

/** More requests than the caller may make; `retryAfterMs` from now, one may be made again. */
export class RateLimitedError extends DomainError {
  constructor(
    message: string,
    readonly retryAfterMs: number,
  ) {
    super('rate_limited', message);
  }
}

/** A host's earlier snapshots cost more than it may use: the next one has to wait. */
export class SnapshotDelayedError extends RateLimitedError {
  constructor(
    retryAfterMs: number,
    /** Whether the request counts as a sign of the host's life: one in several seconds does. */
    readonly isSign: boolean,
  ) {
    super('Earlier snapshots of this host were costly: this one has to wait. Heartbeats need not.', retryAfterMs);
  }
}

/** Too much at once, or a part is out of reach; the same request may be good in a moment. */
export class UnavailableError extends DomainError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
  }
}

/** This process has more to do than it can; a later try, or another process, may be luckier. */
export class OverloadedError extends UnavailableError {
  constructor() {
    super('There is more to do here than can be done now.');
  }
}
