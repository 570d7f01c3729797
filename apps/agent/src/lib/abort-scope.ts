/**
 * What comes of `call`, with `meanwhile` done beside it until its signal says that the call is over. Resolves or throws
 * when both have ended, so that nothing of the one goes on behind the other.
 */
export async function during<T>(call: Promise<T>, meanwhile: (over: AbortSignal) => Promise<void>): Promise<T> {
  const over = new AbortController();
  const both = [call.finally(() => over.abort()), meanwhile(over.signal)] as const;
  await Promise.allSettled(both);
  await both[1];
  return call;
}
