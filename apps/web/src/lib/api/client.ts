import { createClient, ProblemError } from '@muster/client';

let serverAheadMs = 0;

/** The server's clock, by which all ages are told: the one of this device may be wrong. Good to a second. */
export const serverNow = (): number => Date.now() + serverAheadMs;

/** Below this a difference says more about how long the answer took than about the clocks. */
const CLOCK_DIFFERENCE_MS_MIN = 2_000;

function noteServerTime(date: string | null): void {
  const difference = date === null ? NaN : Date.parse(date) - Date.now();
  if (!Number.isNaN(difference)) serverAheadMs = Math.abs(difference) < CLOCK_DIFFERENCE_MS_MIN ? 0 : difference;
}

/** The API that this page came from, called as the person who is signed in. */
export const api = createClient({
  url: window.location.origin,
  fetch: async (input, init) => {
    const response = await fetch(input, init);
    noteServerTime(response.headers.get('Date'));
    return response;
  },
});

/** Whether the API says that nobody is signed in, or not any more. */
export const isSignedOut = (error: unknown): boolean => error instanceof ProblemError && error.status === 401;

/** An error in words for the person at the screen. */
export function errorWords(error: Error): string {
  if (error instanceof ProblemError) {
    const first = error.problem.errors?.[0];
    return first === undefined ? error.message : `${error.message} ${first.path.replace(/^\//, '')} ${first.message}`;
  }
  if (error.name === 'NetworkError') return 'Muster cannot be reached. Is the server running, and the network up?';
  return error.message;
}

/** What the API says is wrong with a field, by its name. */
export const fieldError = (error: Error | null, field: string): string | undefined =>
  error instanceof ProblemError ? error.problem.errors?.find(({ path }) => path === `/${field}`)?.message : undefined;

/** An error that is of none of the fields that are shown. */
export const otherError = (error: Error | null): Error | null =>
  error instanceof ProblemError && (error.problem.errors?.length ?? 0) > 0 ? null : error;
