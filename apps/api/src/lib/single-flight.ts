/**
 * Shares one run, or its failure, with all callers while it lasts and within `intervalMs` of its start.
 * `elapsedMs`: milliseconds of a monotonic clock.
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
