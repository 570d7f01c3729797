/**
 * Returns a function whose callers with equal arguments share reads. The arguments must be JSON values. A call never
 * shares a read in progress, because that read may have started before the caller's last change was committed. All
 * calls that arrive during a read share the next read, so that at most one read with the same arguments is in progress.
 */
export function shareReads<Parameters extends readonly unknown[], T>(
  read: (...parameters: Parameters) => Promise<T>,
): (...parameters: Parameters) => Promise<T> {
  /** The read in progress for each list of arguments, and the read that starts after it. */
  const running = new Map<string, { current: Promise<T>; next: Promise<T> | null }>();

  function begin(key: string, parameters: Parameters): Promise<T> {
    const current = read(...parameters).finally(() => {
      if (running.get(key)?.next === null) running.delete(key);
    });
    running.set(key, { current, next: null });
    return current;
  }

  return (...parameters) => {
    const key = JSON.stringify(parameters);
    const shared = running.get(key);
    if (shared === undefined) return begin(key, parameters);
    const readAgain = () => begin(key, parameters);
    shared.next ??= shared.current.then(readAgain, readAgain);
    return shared.next;
  };
}
