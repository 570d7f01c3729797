/** Limits of an exponential backoff, which doubles from `baseMs` to `capMs`. */
export interface BackoffLimits {
  baseMs: number;
  capMs: number;
}

/** The delays between attempts to reach the API. */
export const SERVER_BACKOFF: BackoffLimits = { baseMs: 1_000, capMs: 60_000 };

/** Maximum `Retry-After` that is respected: one day, in milliseconds. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/**
 * Returns a wait with full jitter, in milliseconds. The wait is uniformly distributed between 0 and the exponential
 * backoff. This spreads the retries of agents that failed together. `failures` counts from 1, and `random` is in [0,
 * 1).
 *
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const fullJitterMs = (failures: number, random: number, limits: BackoffLimits): number =>
  random * backoffMs(failures, limits);

/**
 * Returns a wait with equal jitter, in milliseconds: at least half of the exponential backoff, and at most all of it.
 * Use it instead of `fullJitterMs` if a minimum wait must be guaranteed. `failures` counts from 1, and `random` is in
 * [0, 1).
 */
export const equalJitterMs = (failures: number, random: number, limits: BackoffLimits): number =>
  ((1 + random) / 2) * backoffMs(failures, limits);

const backoffMs = (failures: number, { baseMs, capMs }: BackoffLimits): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));

/**
 * Returns how many milliseconds to wait before the next attempt: the time that the server asked for, plus jitter. The
 * jitter is proportional to that time. For example, if a server asks all agents to wait 30 seconds, their retries are
 * spread over 15 seconds. If the server asked for no time, the retries after a first failure are spread over one
 * second.
 */
export const retryDelayMs = (
  failures: number,
  retryAfterMs: number | null,
  random: number,
  limits: BackoffLimits,
): number => {
  const requestedMs = retryAfterMs ?? 0;
  return requestedMs + random * Math.max(backoffMs(failures, limits), Math.min(limits.capMs, requestedMs / 2));
};

/**
 * Parses a `Retry-After` header, which contains seconds or an HTTP date (RFC 9110). Returns the wait in milliseconds,
 * or null if the header is missing or invalid.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
