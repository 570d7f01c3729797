import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acquireDirectoryLock, DirectoryLockedError, DirectoryLockUnavailableError } from '@muster/directory-lock';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

let directory: string;
let children: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-lock-'));
  children = [];
});

afterEach(async () => {
  await Promise.all(children.map((child) => end(child, 'SIGKILL')));
  await rm(directory, { recursive: true, force: true });
});

/** Starts a process that contends for the lock; `outcome` is what it says first. */
function contender(heldMs?: number): { child: ChildProcess; outcome: Promise<string> } {
  const args = ['--conditions=source', '--import', 'tsx', 'test/holder.ts', directory];
  const child = spawn(process.execPath, [...args, ...(heldMs === undefined ? [] : [String(heldMs)])], {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const outcome = new Promise<string>((resolve) => {
    child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()));
    child.once('close', () => resolve('ended without a word'));
  });
  return { child, outcome };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  // One that is stopped takes no other signal than this before it goes on.
  child.kill('SIGCONT');
  await closed;
}

describe('a directory lock', () => {
  test('is one for a process, and free again when it is released', async () => {
    const lock = await acquireDirectoryLock(directory);
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
    await lock.release();
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
    await (await acquireDirectoryLock(directory)).release();
  });

  test('is named: two names in one directory are two locks', async () => {
    const locks = [await acquireDirectoryLock(directory), await acquireDirectoryLock(directory, { name: 'other' })];
    await expect(acquireDirectoryLock(directory, { name: 'other' })).rejects.toThrow(directory);
    await Promise.all(locks.map((lock) => lock.release()));
  });

  test('goes to one of 12 processes that want it at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => contender().outcome));
    expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(11);
  });

  test('goes to one of 8 processes that find what a killed holder left, in every one of 5 rounds', async () => {
    for (let round = 0; round < 5; round++) {
      const holder = contender();
      expect(await holder.outcome).toBe('held');
      await end(holder.child, 'SIGKILL');
      expect(await readdir(directory)).toContain('lock.sock');
      const contenders = Array.from({ length: 8 }, () => contender());
      const outcomes = await Promise.all(contenders.map(({ outcome }) => outcome));
      expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(1);
      await Promise.all(contenders.map(({ child }) => end(child, 'SIGKILL')));
    }
  });

  test('is free at once when its holder was killed', async () => {
    const { child, outcome } = contender();
    expect(await outcome).toBe('held');
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
    await end(child, 'SIGKILL');
    await (await acquireDirectoryLock(directory)).release();
  });

  test('is not taken from a process that was only stopped', async () => {
    const { child, outcome } = contender();
    expect(await outcome).toBe('held');
    child.kill('SIGSTOP');
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
    child.kill('SIGCONT');
    await expect(acquireDirectoryLock(directory)).rejects.toThrow(DirectoryLockedError);
  });

  test('that is released leaves no file behind and nothing that keeps its process alive', async () => {
    const { child, outcome } = contender(0);
    const closed = new Promise((resolve) => child.once('close', resolve));
    expect(await outcome).toBe('held');
    expect(await closed).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });

  // Elsewhere a socket's path has to be short, and a longer one is refused.
  const expectation = process.platform === 'linux' ? 'holds' : 'is refused with a reason';
  test(`${expectation} under a path far longer than a socket's may be`, async () => {
    const deep = join(directory, ...Array.from({ length: 6 }, () => 'd'.repeat(60)));
    await mkdir(deep, { recursive: true });
    if (process.platform === 'linux') {
      const lock = await acquireDirectoryLock(deep);
      await expect(acquireDirectoryLock(deep)).rejects.toThrow(DirectoryLockedError);
      await lock.release();
    } else {
      await expect(acquireDirectoryLock(deep)).rejects.toThrow(DirectoryLockUnavailableError);
    }
  });

  test('of a directory that does not exist is an error, and no directory', async () => {
    await expect(acquireDirectoryLock(join(directory, 'none'))).rejects.toThrow(/ENOENT/);
    expect(await readdir(directory)).toEqual([]);
  });
});
