/**
 * Returns a function whose callers share one run of `run`. A new run begins only after the last run has ended, and at
 * least `intervalMs` after the last run began. If a run fails, all its callers get the error. `elapsedMs` returns the
 * milliseconds of a monotonic clock.
 */
export function singleFlight<T>(intervalMs: number, elapsedMs: () => number, run: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | null = null;
  let startedAt = -Infinity;
  let isRunning = false;
  return () => {
    if (last !== null && (isRunning || elapsedMs() - startedAt < intervalMs)) return last;
    startedAt = elapsedMs();
    isRunning = true;
    last = run().finally(() => {
      isRunning = false;
    });
    return last;
  };
}
