import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Maximum number of attempts to move a directory into place. An attempt fails if another process moves its own
 * directory there at the same time.
 */
const ATTEMPTS_MAX = 20;

/** Returns the path at which this process builds a new version of a directory, on the same file system. */
export const partialDirectory = (directory: string): string => `${directory}.part-${process.pid}`;

/**
 * Replaces `directory` with `replacement`. Several processes may do so at the same time: the last process wins, and the
 * directory never contains files of two processes.
 */
export async function replaceDirectory(replacement: string, directory: string): Promise<void> {
  const previous = `${replacement}-previous`;
  for (let attempt = 1; ; attempt++) {
    await rm(previous, { recursive: true, force: true });
    await rename(directory, previous).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    try {
      await rename(replacement, directory);
      break;
    } catch (error) {
      // Another process has moved its replacement into place between the two calls.
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === ATTEMPTS_MAX) throw error;
    }
  }
  await rm(previous, { recursive: true, force: true });
}

/** Deletes the partial versions of a directory that killed processes have left behind. */
export async function deleteAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(dirname(directory))) {
    const [prefix, suffix] = name.split('.part-');
    if (prefix !== basename(directory) || suffix === undefined || isRunning(Number.parseInt(suffix, 10))) continue;
    await rm(join(dirname(directory), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
