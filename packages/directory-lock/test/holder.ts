/** A process that contends for the directory that it is given, says how it went, and holds on until it is ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireDirectoryLock, DirectoryLockedError } from '@muster/directory-lock';

const [directory, heldMs] = process.argv.slice(2);
try {
  const lock = await acquireDirectoryLock(directory!);
  process.stdout.write('held\n');
  await sleep(heldMs === undefined ? 60_000 : Number(heldMs));
  await lock.release();
} catch (error) {
  process.stdout.write(error instanceof DirectoryLockedError ? 'refused\n' : `${String(error)}\n`);
}
