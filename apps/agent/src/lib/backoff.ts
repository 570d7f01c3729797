/** How waits grow: doubling from `baseMs` to `capMs`. */
export interface BackoffLimits {
  baseMs: number;
  capMs: number;
}

/** Waits between tries at the API. */
export const SERVER_BACKOFF: BackoffLimits = { baseMs: 1_000, capMs: 60_000 };

/** Waits between tries at the engine: beside us, so it is asked again sooner. */
export const ENGINE_BACKOFF: BackoffLimits = { baseMs: 500, capMs: 5_000 };

/** No server is believed that asks for a longer wait than this: a day. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/**
 * Full jitter: evenly between nothing and the doubled, capped wait, which spreads a fleet that failed together.
 * `failures` counts from 1; `random` is in [0, 1).
 *
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const fullJitterMs = (failures: number, random: number, limits: BackoffLimits): number =>
  random * waitMs(failures, limits);

const waitMs = (failures: number, { baseMs, capMs }: BackoffLimits): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));

/**
 * How long to wait before the next try: at least what the server asked for, and never all at the same moment. A server
 * that tells a whole fleet "in 30 seconds" has it come back over half as long again, not within the one second that a
 * first failure is worth.
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

/** Milliseconds that a `Retry-After` header asks for (RFC 9110: seconds or an HTTP date); null when it says nothing. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
