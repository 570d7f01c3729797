/**
 * Gives all who call within `intervalMs` of a run, or while it lasts, the outcome of that one run; failures too.
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
