import type { Logger } from 'pino';

/** If a kind of message did not occur for this many milliseconds, its next occurrence is logged. */
const QUIET_MS = 5 * 60_000;

/** Interval, in milliseconds, at which a kind of message is logged while it keeps occurring. */
const REPEAT_MS = 3_600_000;

interface Occurrences {
  loggedAt: number;
  lastAt: number;
  /** The number of occurrences since the last logged occurrence. */
  unlogged: number;
}

/** Logs a message, or logs it at the level `debug` if it is a repetition. Returns false for a repetition. */
export type LogOnce = (level: 'warn' | 'error', kind: string, message: string, details: object) => boolean;

/**
 * Creates a function that logs each kind of message at its first occurrence. A kind that did not occur for five minutes
 * is logged again at its next occurrence. A kind that occurs more often is logged once an hour; `times` in the log line
 * is then the number of occurrences since the last logged occurrence. A kind that did not occur for an hour is
 * forgotten. `now` returns monotonic time in milliseconds.
 */
export function createLogOnce(log: Pick<Logger, 'debug' | 'warn' | 'error'>, now: () => number): LogOnce {
  const kinds = new Map<string, Occurrences>();
  return (level, kind, message, details) => {
    const at = now();
    const known = kinds.get(kind);
    if (known !== undefined && at - known.lastAt < QUIET_MS && at - known.loggedAt < REPEAT_MS) {
      kinds.set(kind, { ...known, lastAt: at, unlogged: known.unlogged + 1 });
      log.debug(details, `repeated: ${message}`);
      return false;
    }
    // Without this, kinds that contain changing text would accumulate.
    for (const [other, { lastAt }] of kinds) if (at - lastAt >= REPEAT_MS) kinds.delete(other);
    const times = (kinds.get(kind)?.unlogged ?? 0) + 1;
    kinds.set(kind, { loggedAt: at, lastAt: at, unlogged: 0 });
    log[level](times === 1 ? details : { ...details, times }, message);
    return true;
  };
}
