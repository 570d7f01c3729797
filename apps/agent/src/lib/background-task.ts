/**
 * Runs `meanwhile` while `call` is in flight, and aborts its signal when `call` ends. Resolves with the result of
 * `call`, or throws, only after both have ended.
 */
export async function withBackgroundTask<T>(call: Promise<T>, task: (ended: AbortSignal) => Promise<void>): Promise<T> {
  const over = new AbortController();
  const both = [call.finally(() => over.abort()), task(over.signal)] as const;
  await Promise.allSettled(both);
  await both[1];
  return call;
}
