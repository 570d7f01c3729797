import { createClient, ProblemError } from '@muster/client';
import { SERVER_URL } from '../base-path';
import { formatFieldError } from '../format-field-error';

let serverOffsetMs = 0;

/**
 * Returns the server's time in milliseconds, accurate to about a second. All ages are computed from it, because the
 * clock of this device may be wrong.
 */
export const serverNow = (): number => Date.now() + serverOffsetMs;

/** Minimum clock difference that is corrected, in milliseconds. A smaller difference is probably network latency. */
const CLOCK_DIFFERENCE_MS_MIN = 2_000;

function recordServerTime(date: string | null): void {
  const differenceMs = date === null ? NaN : Date.parse(date) - Date.now();
  if (!Number.isNaN(differenceMs)) serverOffsetMs = Math.abs(differenceMs) < CLOCK_DIFFERENCE_MS_MIN ? 0 : differenceMs;
}

/** A client of the API that served this page, authenticated by the session cookie. */
export const api = createClient({
  url: SERVER_URL,
  fetch: async (input, init) => {
    const response = await fetch(input, init);
    recordServerTime(response.headers.get('Date'));
    return response;
  },
});

/** Returns whether the API rejected the call because there is no session or the session has ended. */
export const isSignedOut = (error: unknown): boolean => error instanceof ProblemError && error.status === 401;

/**
 * Returns whether the API has no item with the requested id. The API then returns 404, or 400 if the id is invalid.
 */
export const isNotFound = (error: unknown): boolean =>
  error instanceof ProblemError && (error.status === 404 || error.status === 400);

/** Returns the text that describes an error to the user. */
export function formatError(error: Error): string {
  if (error instanceof ProblemError) {
    const firstError = error.problem.errors?.[0];
    if (firstError === undefined) return error.message;
    return `${error.message} ${formatFieldError(firstError.path.replace(/^\//, ''), firstError.message)}`;
  }
  if (error.name === 'NetworkError') {
    return 'Cannot reach the Muster server. Check that it is running and that your network is up.';
  }
  return error.message;
}

/** Returns the API's error message for a field of the request as a sentence, or undefined if the field is valid. */
export function fieldError(error: Error | null, field: string): string | undefined {
  const errors = error instanceof ProblemError ? error.problem.errors : undefined;
  const match = errors?.find(({ path }) => path === `/${field}`);
  return match === undefined ? undefined : formatFieldError(field, match.message);
}

/**
 * Returns the error that a form shows above its buttons. Errors about fields are omitted, because each field shows its
 * own error.
 */
export const formError = (error: Error | null): Error | null =>
  error instanceof ProblemError && (error.problem.errors?.length ?? 0) > 0 ? null : error;
