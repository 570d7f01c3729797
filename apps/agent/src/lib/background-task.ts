/**
 * Runs `task` while `call` is in flight, and aborts the task's signal when `call` settles. Waits until both have
 * settled. Rejects with the task's error if the task rejected, and otherwise settles like the call.
 */
export async function withBackgroundTask<T>(
  call: Promise<T>,
  task: (signal: AbortSignal) => Promise<void>,
): Promise<T> {
  const callSettled = new AbortController();
  const promises = [call.finally(() => callSettled.abort()), task(callSettled.signal)] as const;
  await Promise.allSettled(promises);
  await promises[1];
  return call;
}
