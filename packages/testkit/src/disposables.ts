import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Registers how to dispose of a resource, and returns the resource. */
export type Use = <T>(resource: T, dispose: (resource: T) => unknown) => T;

/**
 * Runs `action`, and then disposes of all resources that it registered, the last one first, even if something fails.
 * @throws the error of `action`, otherwise the first error of a disposal.
 */
export async function withDisposables<T>(action: (use: Use) => Promise<T>): Promise<T> {
  const disposals: (() => Promise<unknown>)[] = [];
  const use: Use = (resource, dispose) => {
    disposals.unshift(async () => dispose(resource));
    return resource;
  };
  const run = async () => action(use);
  const [result] = await Promise.allSettled([run()]);
  const errors: unknown[] = result.status === 'rejected' ? [result.reason] : [];
  for (const dispose of disposals) await dispose().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
  return (result as PromiseFulfilledResult<T>).value;
}

/** Like `withDisposables`, with a new directory, which is removed last. */
export function withTemporaryDirectory<T>(action: (directory: string, use: Use) => Promise<T>): Promise<T> {
  return withDisposables(async (use) => {
    const directory = await mkdtemp(join(tmpdir(), 'muster-'));
    const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 };
    use(directory, () => rm(directory, options));
    // The directory is also removed if this process exits early.
    const remove = () => rmSync(directory, options);
    process.once('exit', remove);
    use(remove, () => process.off('exit', remove));
    return action(directory, use);
  });
}
