/** A kind that was not recorded for this many milliseconds is logged again when it returns. */
const QUIET_MS = 5 * 60_000;

/** A kind that is recorded again and again is logged once in this many milliseconds. */
const REPEAT_MS = 3_600_000;

interface Occurrences {
  loggedAt: number;
  recordedAt: number;
  /** Number of occurrences since the last one that was logged. */
  unlogged: number;
}

/** Decides which occurrences of a repeated message are logged. */
export interface LogThrottle {
  /**
   * Records an occurrence of `kind`. Returns the number of occurrences since the last one that was logged, including
   * this one, if this one must be logged. Otherwise returns null.
   */
  record(kind: string): number | null;
}

/**
 * Creates a throttle that logs each kind once, again after five minutes without it, and otherwise once an hour. `now`
 * returns monotonic time in milliseconds.
 */
export function createLogThrottle(now: () => number): LogThrottle {
  const kinds = new Map<string, Occurrences>();
  return {
    record(kind) {
      const at = now();
      const known = kinds.get(kind);
      const isDue = known === undefined || at - known.recordedAt >= QUIET_MS || at - known.loggedAt >= REPEAT_MS;
      if (!isDue) {
        known.recordedAt = at;
        known.unlogged++;
        return null;
      }
      kinds.set(kind, { loggedAt: at, recordedAt: at, unlogged: 0 });
      return (known?.unlogged ?? 0) + 1;
    },
  };
}
