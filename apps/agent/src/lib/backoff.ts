/** Limits of a wait that doubles from `baseMs` to `capMs`. */
export interface BackoffLimits {
  baseMs: number;
  capMs: number;
}

/** Waits between attempts to reach the API. */
export const SERVER_BACKOFF: BackoffLimits = { baseMs: 1_000, capMs: 60_000 };

/** Waits between attempts to read the engine. It is local, so it is retried sooner. */
export const ENGINE_BACKOFF: BackoffLimits = { baseMs: 500, capMs: 5_000 };

/** Upper limit of `Retry-After`: a day. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/**
 * Returns a wait with full jitter: uniformly distributed between 0 and the doubled, capped wait, which spreads a fleet
 * that failed together. `failures` counts from 1; `random` is in [0, 1).
 *
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const fullJitterMs = (failures: number, random: number, limits: BackoffLimits): number =>
  random * waitMs(failures, limits);

const waitMs = (failures: number, { baseMs, capMs }: BackoffLimits): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));

/**
 * Returns how long to wait before the next attempt: at least what the server asked for, plus jitter. If a server asks a
 * whole fleet to wait 30 seconds, the jitter spreads the fleet over half of that, not over the one second after a first
 * failure.
 */
export const retryDelayMs = (
  failures: number,
  retryAfterMs: number | null,
  random: number,
  limits: BackoffLimits,
): number => {
  const askedMs = retryAfterMs ?? 0;
  return askedMs + random * Math.max(waitMs(failures, limits), Math.min(limits.capMs, askedMs / 2));
};

/**
 * Returns the milliseconds that a `Retry-After` header asks for (RFC 9110: seconds or an HTTP date); null if it is
 * missing or invalid.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
