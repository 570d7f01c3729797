import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { codeOf } from './errors.js';

/**
 * Creates a directory and its missing parents with `mode`. Does nothing if the directory exists. Rejects with the
 * system's error if the directory cannot be created.
 *
 * Use this instead of `mkdir` with `recursive`. If no directory can be created in a path, such as `/proc/1/x/y`, that
 * function never ends in Node.js 20, and uses a whole core.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (await isDirectory(path)) return;
    const parent = dirname(resolve(path));
    if (codeOf(error) !== 'ENOENT' || parent === resolve(path)) throw error;
    await makeDirectory(parent, mode);
    await mkdir(path, { mode }).catch(async (secondError: unknown) => {
      // Another process may have created the directory in the meantime.
      if (!(await isDirectory(path))) throw secondError;
    });
  }
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
