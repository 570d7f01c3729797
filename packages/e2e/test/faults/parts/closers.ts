/** What must be ended when a test is over, the last first, however it ends. */
export interface Closers {
  /** Has `close` called in the end, and gives back `part`. */
  add: <T>(part: T, close: (part: T) => unknown) => T;
}

/**
 * Runs `action`, and then every closer that it added, whether or not others fail.
 * @throws the error of `action`, or else the first of a closer.
 */
export async function withClosers<T>(action: (closers: Closers) => Promise<T>): Promise<T> {
  const closers: (() => Promise<void>)[] = [];
  const errors: unknown[] = [];
  const attempt = async <R>(part: () => Promise<R>): Promise<R | undefined> => {
    try {
      return await part();
    } catch (error) {
      errors.push(error);
      return undefined;
    }
  };
  const result = await attempt(() =>
    action({
      add(part, close) {
        closers.unshift(async () => {
          await close(part);
        });
        return part;
      },
    }),
  );
  for (const close of closers) await attempt(close);
  if (errors.length > 0) throw errors[0];
  return result as T;
}
