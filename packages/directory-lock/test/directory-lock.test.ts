/** Tests the lock with real processes and real directories. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { acquireDirectoryLock, DirectoryLockedError, DirectoryLockUnavailableError } from '../src/index.js';

const HOLDER = fileURLToPath(new URL('./holder.js', import.meta.url));

/** A process that runs test/holder.js. */
class Holder {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(directory: string) {
    this.process = spawn(process.execPath, [HOLDER, directory], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const output: Interface = createInterface({ input: this.process.stdout! });
    this.#lines = output[Symbol.asyncIterator]();
  }

  async nextLine(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  /** Requests the lock and returns the result that the process prints. */
  requestLock(): Promise<string> {
    this.process.stdin!.write('go\n');
    return this.nextLine();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }
}

let directory: string;
let holders: Holder[];

async function start(count = 1, where = directory): Promise<Holder[]> {
  const started = Array.from({ length: count }, () => new Holder(where));
  holders.push(...started);
  for (const holder of started) expect(await holder.nextLine()).toBe('ready');
  return started;
}

async function startHolding(): Promise<Holder> {
  const [holder] = await start();
  expect(await holder!.requestLock()).toBe('held');
  return holder!;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-lock-'));
  holders = [];
});

afterEach(async () => {
  await Promise.all(holders.map((holder) => holder.end('SIGKILL')));
  await rm(directory, { recursive: true });
});

describe('one process', () => {
  test('cannot acquire a lock twice, unless it releases the lock in between', async () => {
    const lock = await acquireDirectoryLock(directory);
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
    await lock.release();
    await (await acquireDirectoryLock(directory)).release();
  });

  test('leaves no file in the directory after a release, even if it releases the lock twice', async () => {
    const lock = await acquireDirectoryLock(directory);
    expect(await readdir(directory)).toEqual(['lock.sock']);
    await Promise.all([lock.release(), lock.release()]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('can hold two locks with different names in one directory', async () => {
    const locks = await Promise.all(['a', 'b'].map((name) => acquireDirectoryLock(directory, { name })));
    await expect(acquireDirectoryLock(directory, { name: 'a' })).rejects.toThrow(DirectoryLockedError);
    await Promise.all(locks.map((lock) => lock.release()));
  });

  test('cannot acquire the lock of a directory a second time through a symbolic link', async () => {
    const alias = `${directory}-alias`;
    await symlink(directory, alias);
    try {
      const lock = await acquireDirectoryLock(directory);
      await expect(acquireDirectoryLock(alias)).rejects.toThrow(DirectoryLockedError);
      await lock.release();
    } finally {
      await rm(alias);
    }
  });

  test('can lock a directory whose path is longer than the limit for socket paths', async () => {
    const deep = join(directory, ...Array.from({ length: 8 }, () => 'd'.repeat(200)));
    await mkdir(deep, { recursive: true });
    const lock = await acquireDirectoryLock(deep);
    await expect(acquireDirectoryLock(deep)).rejects.toThrow(DirectoryLockedError);
    await lock.release();
    expect(await readdir(deep)).toEqual([]);
  });

  test('acquires the lock even if a plain file has the name of the socket', async () => {
    const file = join(directory, 'lock.sock');
    await writeFile(file, '');
    // The kernel refuses connections to a plain file in the same way as to the socket of a dead process. Acquiring the
    // lock therefore removes the file.
    const lock = await acquireDirectoryLock(directory);
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('gets the error ENOENT if the directory is missing', async () => {
    await expect(acquireDirectoryLock(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('gets DirectoryLockUnavailableError if the file system does not support the lock', async () => {
    await expect(acquireDirectoryLock('/proc/self')).rejects.toThrow(DirectoryLockUnavailableError);
  });
});

describe('several processes', () => {
  test('a second process gets the lock only after the first process exits or is killed', async () => {
    const holder = await startHolding();
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
    await holder.end('SIGKILL');
    const lock = await acquireDirectoryLock(directory);
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('a holder that is stopped with SIGSTOP keeps the lock despite hundreds of concurrent requests', async () => {
    const holder = await startHolding();
    holder.process.kill('SIGSTOP');
    // The number of concurrent requests exceeds the backlog of a listening socket.
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.allSettled(Array.from({ length: 300 }, () => acquireDirectoryLock(directory)));
      expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    }
    holder.process.kill('SIGCONT');
    await sleep(50);
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
  });

  test('the lock stays held if a killed process has moved the holder’s socket: the next request moves the socket back', async () => {
    await startHolding();
    await rename(join(directory, 'lock.sock'), join(directory, 'lock-moved.old'));
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
    expect(await readdir(directory)).toEqual(['lock.sock']);
  });

  test('exactly one of twenty concurrent requests gets the lock, even after the previous holder was killed', async () => {
    const [victim] = await start();
    const contenders = await start(20);
    for (let round = 0; round < 10; round += 1) {
      if (round === 0) {
        expect(await victim!.requestLock()).toBe('held');
        await victim!.end('SIGKILL');
      }
      const asking = contenders.filter(({ process }) => process.exitCode === null && process.signalCode === null);
      const answers = await Promise.all(asking.map((contender) => contender.requestLock()));
      expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
      expect(answers.filter((answer) => answer === 'refused')).toHaveLength(asking.length - 1);
      // The holder is killed and leaves its socket behind for the next round.
      await asking[answers.indexOf('held')]!.end('SIGKILL');
    }
    const lock = await acquireDirectoryLock(directory);
    await lock.release();
    // A process killed during its request may leave a file, which other processes remove after a minute.
    expect((await readdir(directory)).filter((file) => !file.endsWith('.new'))).toEqual([]);
  });
});
