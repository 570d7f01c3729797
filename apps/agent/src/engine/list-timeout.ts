/** The timeout of the first list, in milliseconds, and the minimum of all later timeouts. */
export const LIST_TIMEOUT_MS_DEFAULT = 15_000;

/** Maximum timeout, in milliseconds, unless the configured timeout is longer. */
const LIST_TIMEOUT_MS_MAX = 120_000;

/** The timeout of the next list. */
export interface ListTimeout {
  /** Returns a whole number of milliseconds, because timers accept no fractions. */
  ms(): number;
  recordSuccess(durationMs: number): void;
  recordTimeout(): void;
}

/**
 * Creates a timeout that adapts to the engine: it doubles after a timeout, and is at least twice as long as the last
 * successful list took. An engine whose lists always take long can therefore be read.
 */
export function createListTimeout(firstMs: number): ListTimeout {
  const maxMs = Math.max(firstMs, LIST_TIMEOUT_MS_MAX);
  let currentMs = firstMs;
  return {
    ms: () => currentMs,
    recordSuccess: (durationMs) => void (currentMs = Math.min(maxMs, Math.max(firstMs, Math.ceil(2 * durationMs)))),
    recordTimeout: () => void (currentMs = Math.min(maxMs, 2 * currentMs)),
  };
}
