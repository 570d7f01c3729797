import type { FieldError, Problem } from '@muster/contracts';

/** Thrown if the API rejects a request. `problem.detail` is the reason, and `problem.status` is the HTTP status. */
export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    /** Seconds to wait before retrying (`Retry-After`), or null. */
    readonly retryAfterSeconds: number | null,
  ) {
    super(problem.detail);
    this.name = 'ProblemError';
  }

  get status(): number {
    return this.problem.status;
  }
}

/**
 * Thrown if there is no response: because of a network, DNS or TLS error, or because the server is down. `cause` has
 * the details.
 */
export class NetworkError extends Error {
  constructor(url: string, cause: unknown) {
    super(`No response from ${new URL(url).origin}.`, { cause });
    this.name = 'NetworkError';
  }
}

/** Thrown if a response is not from Muster. Such a response usually comes from a proxy, or from another server. */
export class UnexpectedResponseError extends Error {
  constructor(
    /**
     * The HTTP status, or 0 for a redirect in a browser, because browsers hide the response to a redirected request.
     */
    readonly status: number,
    /** The requested URL. */
    readonly url: string,
    /** The header `Location`, or null. */
    readonly location: string | null = null,
    /** The beginning of the body. */
    readonly body = '',
  ) {
    const { origin } = new URL(url);
    super(
      status === 0
        ? `${origin} redirects to another address. Reload the page, because a proxy may require you to sign in again.`
        : `${origin} returned ${status} with a response that is not from Muster. Check the URL.`,
    );
    this.name = 'UnexpectedResponseError';
  }
}

/**
 * Returns whether a value is a problem document of the API. Does not use the schema, because the schema would add zod
 * to the dashboard's script.
 */
export function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false;
  const { type, title, status, detail, requestId, errors } = value as Partial<Record<keyof Problem, unknown>>;
  const texts = [type, title, detail, requestId];
  if (!texts.every((text) => typeof text === 'string') || !Number.isInteger(status)) return false;
  return errors === undefined || (Array.isArray(errors) && errors.every(isFieldError));
}

function isFieldError(value: unknown): value is FieldError {
  if (typeof value !== 'object' || value === null) return false;
  const { path, message } = value as Partial<Record<keyof FieldError, unknown>>;
  return typeof path === 'string' && typeof message === 'string';
}
