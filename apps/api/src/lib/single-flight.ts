/**
 * Returns a function that shares one run of `run` with all its callers, until the run has ended and `intervalMs` have
 * passed since its start. A failure is shared as well. `elapsedMs` returns the milliseconds of a monotonic clock.
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
