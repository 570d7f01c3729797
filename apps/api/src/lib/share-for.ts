/**
 * Shares one run among all callers within `intervalMs` of its start or while it lasts; a failure is shared as well.
 * `elapsedMs`: milliseconds of a clock that is never set.
 */
export function shareFor<T>(intervalMs: number, elapsedMs: () => number, run: () => Promise<T>): () => Promise<T> {
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
