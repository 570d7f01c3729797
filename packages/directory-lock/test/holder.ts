/**
 * A process of the tests: takes the lock of a directory when told to, says how that went, and holds it until its input
 * ends. Argument: the directory. Input: a line is "go". Output: `ready`, then `held`, `refused` or an error's name.
 */
import { createInterface } from 'node:readline';

import { acquireDirectoryLock, DirectoryLockedError } from '../src/index.js';

const directory = process.argv[2] ?? '';
const input = createInterface({ input: process.stdin });
const say = (word: string): boolean => process.stdout.write(`${word}\n`);

say('ready');
for await (const line of input) {
  if (line !== 'go') continue;
  try {
    await acquireDirectoryLock(directory);
    say('held');
  } catch (error) {
    say(error instanceof DirectoryLockedError ? 'refused' : String(error));
  }
}
// Ends without releasing: what a process leaves behind that was not asked to clean up.
process.exit();
