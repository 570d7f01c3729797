/**
 * An exclusive lock on a directory that holds between processes and between containers which share the volume.
 *
 * The lock is a unix socket `NAME.sock` on which its holder listens. Process ids mean nothing across containers and a
 * lease can expire under a process that is merely stopped; a listening socket is neither: it answers while its process
 * exists, and is free at once when that was killed. It holds among processes of one kernel: a directory on a network
 * file system must not be shared between machines.
 *
 * Three kinds of names exist in the directory:
 *   NAME.sock        the lock
 *   NAME-UUID.new    a socket that listens already and asks for the lock, by link(2), which fails where there is one
 *   NAME-UUID.old    what somebody who believed it dead has moved away from NAME.sock
 *
 * Between believing a socket dead and moving it any time can pass, so that what is moved may be a new holder's living
 * socket. Therefore the mover looks again and puts a living one back; and who takes NAME.sock in the meantime looks for
 * living .old sockets before believing in it. A holder's socket is in the directory under one of these two names at
 * every moment, so no two processes can both find themselves alone.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, readdir, realpath, rename, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
import { feelPulse, listenAt } from './socket.js';

/** The longest socket path outside Linux: sun_path of macOS and the BSDs is 104 bytes, one of them the end's NUL. */
const SOCKET_PATH_BYTES_MAX = 103;

/** How often a contender that was disturbed by others, but saw no holder, tries again: about two seconds in all. */
const ATTEMPTS_MAX = 40;
const PAUSE_MS_MAX = 100;

/** A request for the lock that is older than this and dead was left by a killed process. */
const ABANDONED_AFTER_MS = 60_000;

/** A held lock. It ends with `release()` or with the process, whichever comes first. */
export interface DirectoryLock {
  /** Gives the directory back and removes the lock's file. Calling it again does nothing. */
  release(): Promise<void>;
}

/**
 * Takes the lock of an existing directory. It does not keep the event loop alive.
 *
 * @param options.name the lock's name, for a directory that has several; `lock` by default.
 * @throws DirectoryLockedError where a live process, stopped ones included, holds it.
 * @throws DirectoryLockUnavailableError where the system cannot hold such a lock.
 */
export async function acquireDirectoryLock(
  directory: string,
  { name = 'lock' }: { name?: string } = {},
): Promise<DirectoryLock> {
  if (process.platform === 'win32') {
    throw new DirectoryLockUnavailableError(directory, 'Windows has no unix sockets that Node.js can use');
  }
  const real = await realpath(directory);
  const handle = await open(real, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // A socket's path may not exceed some 107 bytes; through the open directory every path is short.
    const socketRoot = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : real;
    return await new Contender(directory, real, socketRoot, name).contend();
  } finally {
    await handle.close();
  }
}

class Contender {
  readonly #directory: string;
  readonly #root: string;
  readonly #socketRoot: string;
  readonly #name: string;
  readonly #lockFile: string;

  constructor(directory: string, root: string, socketRoot: string, name: string) {
    this.#directory = directory;
    this.#root = root;
    this.#socketRoot = socketRoot;
    this.#name = name;
    this.#lockFile = `${name}.sock`;
  }

  async contend(): Promise<DirectoryLock> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const lock = await this.#attempt();
      if (lock !== null) return lock;
      await sleep(Math.random() * PAUSE_MS_MAX);
    }
    throw new DirectoryLockedError(this.#directory);
  }

  /** Null where others were in the way without one of them being seen to hold the lock. */
  async #attempt(): Promise<DirectoryLock | null> {
    const request = `${this.#name}-${randomUUID()}.new`;
    const server = await this.#listen(request);
    const inode = await this.#inode(request);
    let held = false;
    try {
      if (!(await this.#link(request, this.#lockFile))) {
        await this.#clearAway();
        return null;
      }
      await this.#remove(request);
      const rivals = await this.#findRivals(inode);
      held = rivals.length === 0 && (await this.#inode(this.#lockFile)) === inode;
      if (held) return this.#hold(server, inode);
      await this.#removeIfOurs(inode);
      // Whoever moved them away may be dead: the name is free for one of them now.
      for (const rival of rivals) await this.#settle(rival);
      return null;
    } finally {
      if (!held) {
        await this.#remove(request);
        server.close();
      }
    }
  }

  #hold(server: Server, inode: bigint | null): DirectoryLock {
    let released: Promise<void> | undefined;
    const release = async (): Promise<void> => {
      // The file first: once the server is closed, the name may be somebody else's.
      await this.#removeIfOurs(inode);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    };
    return { release: () => (released ??= release()) };
  }

  /** The lock's name is taken: throws where its holder lives, else moves the dead socket out of the way. */
  async #clearAway(): Promise<void> {
    switch (await feelPulse(this.#socketPath(this.#lockFile))) {
      case 'alive':
        throw new DirectoryLockedError(this.#directory);
      case 'absent':
        return;
      case 'dead': {
        const aside = `${this.#name}-${randomUUID()}.old`;
        try {
          await rename(this.#path(this.#lockFile), this.#path(aside));
        } catch (error) {
          if (codeOf(error) === 'ENOENT') return;
          throw error;
        }
        await this.#settle(aside);
      }
    }
  }

  /** Puts a living socket back to where it was taken from; removes a dead one. True where it lives. */
  async #settle(aside: string): Promise<boolean> {
    const pulse = await feelPulse(this.#socketPath(aside));
    if (pulse === 'dead') await this.#remove(aside);
    if (pulse !== 'alive') return false;
    // Where the name is taken it stays here, and keeps whoever took the name from holding it.
    if (await this.#link(aside, this.#lockFile)) await this.#remove(aside);
    return true;
  }

  /** The living sockets besides ours that were moved away. Removes what dead processes left. */
  async #findRivals(inode: bigint | null): Promise<string[]> {
    const rivals: string[] = [];
    for (const file of await readdir(this.#root)) {
      if (!file.startsWith(`${this.#name}-`)) continue;
      if (file.endsWith('.old') && (await this.#inode(file)) !== inode) {
        if (await this.#settle(file)) rivals.push(file);
      } else if (file.endsWith('.new')) {
        await this.#removeIfAbandoned(file);
      }
    }
    return rivals;
  }

  async #removeIfAbandoned(request: string): Promise<void> {
    const entry = await this.#lstat(request);
    // A young one may be bound and not yet listening, which looks like death.
    if (entry === null || Date.now() - Number(entry.mtimeMs) < ABANDONED_AFTER_MS) return;
    if ((await feelPulse(this.#socketPath(request))) === 'dead') await this.#remove(request);
  }

  async #removeIfOurs(inode: bigint | null): Promise<void> {
    if ((await this.#inode(this.#lockFile)) === inode) await this.#remove(this.#lockFile);
  }

  async #listen(file: string): Promise<Server> {
    const path = this.#socketPath(file);
    if (process.platform !== 'linux' && Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
      throw new DirectoryLockUnavailableError(this.#directory, 'its path is too long for a socket');
    }
    try {
      return await listenAt(path);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** False where the name is taken. */
  async #link(from: string, to: string): Promise<boolean> {
    try {
      await link(this.#path(from), this.#path(to));
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
      throw this.#explained(error);
    }
  }

  async #remove(file: string): Promise<void> {
    try {
      await unlink(this.#path(file));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  async #inode(file: string): Promise<bigint | null> {
    return (await this.#lstat(file))?.ino ?? null;
  }

  async #lstat(file: string): Promise<{ ino: bigint; mtimeMs: bigint } | null> {
    try {
      return await lstat(this.#path(file), { bigint: true });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  #path(file: string): string {
    return join(this.#root, file);
  }

  #socketPath(file: string): string {
    return `${this.#socketRoot}/${file}`;
  }

  #explained(error: unknown): Error {
    const code = codeOf(error);
    if (code === 'EACCES' || code === 'EROFS') {
      return new DirectoryLockUnavailableError(this.#directory, 'this user may not write there', { cause: error });
    }
    return new DirectoryLockUnavailableError(
      this.#directory,
      `its file system refuses a socket or a hard link to one (${code ?? String(error)})`,
      { cause: error },
    );
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
