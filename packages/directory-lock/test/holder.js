/**
 * A helper process: acquires the lock of a directory on request, prints the result, and holds the lock until its input
 * ends. Argument: the directory. Input: "go" per line. Output: `ready`, then `held`, `refused` or an error's name. It
 * uses the built package, which starts faster than the sources.
 */
import { createInterface } from 'node:readline';

import { acquireDirectoryLock, DirectoryLockedError } from '@muster/directory-lock';

const directory = process.argv[2] ?? '';
const input = createInterface({ input: process.stdin });
const print = (word) => process.stdout.write(`${word}\n`);

print('ready');
for await (const line of input) {
  if (line !== 'go') continue;
  try {
    await acquireDirectoryLock(directory);
    print('held');
  } catch (error) {
    print(error instanceof DirectoryLockedError ? 'refused' : String(error));
  }
}
// Exits without a release, as a killed process does.
process.exit();
