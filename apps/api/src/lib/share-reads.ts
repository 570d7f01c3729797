/**
 * Returns a function whose callers with the same key share reads. A call never shares a read in progress, because that
 * read may have started before the caller's last change was committed. All calls that arrive during a read share the
 * next read, so that at most one read per key is in progress.
 */
export function shareReads<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  /** The read in progress for each key, and the read that starts after it. */
  const running = new Map<string, { current: Promise<T>; next: Promise<T> | null }>();

  function begin(key: string): Promise<T> {
    const current = read(key).finally(() => {
      if (running.get(key)?.next === null) running.delete(key);
    });
    running.set(key, { current, next: null });
    return current;
  }

  return (key) => {
    const shared = running.get(key);
    if (shared === undefined) return begin(key);
    const readAgain = () => begin(key);
    shared.next ??= shared.current.then(readAgain, readAgain);
    return shared.next;
  };
}
