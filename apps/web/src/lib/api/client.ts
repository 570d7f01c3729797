import { createClient, ProblemError } from '@muster/client';
import { formatFieldError } from '../format-field-error';

let serverOffsetMs = 0;

/**
 * Returns the server's time in milliseconds, accurate to about a second. All ages are computed from it, because the
 * clock of this device may be wrong.
 */
export const serverNow = (): number => Date.now() + serverOffsetMs;

/** Minimum difference that counts as a wrong clock, in milliseconds. A smaller one is more likely network latency. */
const CLOCK_DIFFERENCE_MS_MIN = 2_000;

function recordServerTime(date: string | null): void {
  const difference = date === null ? NaN : Date.parse(date) - Date.now();
  if (!Number.isNaN(difference)) serverOffsetMs = Math.abs(difference) < CLOCK_DIFFERENCE_MS_MIN ? 0 : difference;
}

/** A client of the API that served this page, authenticated by the session cookie. */
export const api = createClient({
  url: window.location.origin,
  fetch: async (input, init) => {
    const response = await fetch(input, init);
    recordServerTime(response.headers.get('Date'));
    return response;
  },
});

/** Returns whether the API refused the call because there is no session or the session has ended. */
export const isSignedOut = (error: unknown): boolean => error instanceof ProblemError && error.status === 401;

/** Returns the text of an error for the user. */
export function formatError(error: Error): string {
  if (error instanceof ProblemError) {
    const first = error.problem.errors?.[0];
    if (first === undefined) return error.message;
    return `${error.message} ${formatFieldError(first.path.replace(/^\//, ''), first.message)}`;
  }
  if (error.name === 'NetworkError') {
    return 'Cannot reach the Muster server. Check that it is running and that your network is up.';
  }
  return error.message;
}

/** Returns the API's error message for a field of the request, as a sentence. */
export function fieldError(error: Error | null, field: string): string | undefined {
  const errors = error instanceof ProblemError ? error.problem.errors : undefined;
  const found = errors?.find(({ path }) => path === `/${field}`);
  return found === undefined ? undefined : formatFieldError(field, found.message);
}

/** Returns the error unless it is about fields, because a form shows such an error at the field. */
export const otherError = (error: Error | null): Error | null =>
  error instanceof ProblemError && (error.problem.errors?.length ?? 0) > 0 ? null : error;
