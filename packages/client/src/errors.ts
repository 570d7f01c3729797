import type { FieldError, Problem } from '@muster/contracts';

/** The API refused: `problem` says why, in words for the caller; `status` is the HTTP status. */
export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    /** Seconds to wait before the same call may succeed; null where the API does not say. */
    readonly retryAfterSeconds: number | null,
  ) {
    super(problem.detail);
    this.name = 'ProblemError';
  }

  get status(): number {
    return this.problem.status;
  }
}

/** There was no answer: the network, a name, a certificate, or a server that is not there. `cause` has the details. */
export class NetworkError extends Error {
  constructor(url: string, cause: unknown) {
    super(`No answer from ${new URL(url).origin}.`, { cause });
    this.name = 'NetworkError';
  }
}

/** There was an answer, but not one of Muster's: most often a proxy's. */
export class UnexpectedAnswerError extends Error {
  constructor(
    readonly status: number,
    url: string,
  ) {
    super(`${new URL(url).origin} answered ${status}, and not as Muster would.`);
    this.name = 'UnexpectedAnswerError';
  }
}

/**
 * Whether this is a problem as the API tells it, and not as some other program would. By hand: the schema would bring
 * zod into every page of the dashboard, for this alone.
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
