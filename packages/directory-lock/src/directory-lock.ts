/**
 * An exclusive lock on a directory, between processes and between containers that share the volume.
 *
 * The lock is a unix socket `NAME.sock` on which its holder listens. Other kinds of locks are less reliable: process
 * ids are ambiguous across containers, and a lease can expire while its process is only stopped. A listening socket
 * accepts connections as long as its process exists, and the lock is free as soon as the process is killed. The lock
 * works only among processes of one kernel. Machines must therefore not share a directory on a network file system.
 *
 * The directory contains three kinds of names:
 *   NAME.sock        the lock
 *   NAME-UUID.new    a listening socket that requests the lock with link(2), which fails if NAME.sock exists
 *   NAME-UUID.old    a socket that another process considered dead and moved away from NAME.sock
 *
 * A process that finds a dead socket may be delayed before it moves the socket. By then, NAME.sock may be the live
 * socket of a new holder. Therefore, the process checks the socket again after the move, and moves a live socket back.
 * In the meantime, a third process may acquire NAME.sock. Such a process does not consider the lock its own while a
 * live .old socket exists. A holder's socket is always named NAME.sock or NAME-UUID.old, so two processes can never
 * both consider the lock their own.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, readdir, realpath, rename, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { codeOf, DirectoryLockedError, DirectoryLockUnavailableError } from './errors.js';
import { REASONS } from './explain-error.js';
import { probeSocket, listenAt } from './socket.js';

/**
 * Maximum bytes of a socket path outside Linux. On macOS and the BSDs, sun_path has 104 bytes, including the final NUL.
 */
const SOCKET_PATH_BYTES_MAX = 103;

/**
 * Maximum number of attempts if other processes also request the lock but none holds it. All attempts together take
 * about two seconds.
 */
const ATTEMPTS_MAX = 40;
/** Maximum wait between two attempts, in milliseconds. */
const PAUSE_MS_MAX = 100;

/** Age in milliseconds after which the request of a dead process counts as abandoned. */
const ABANDONED_AFTER_MS = 60_000;

/** An acquired lock. It ends with `release()` or with the process, whichever comes first. */
export interface DirectoryLock {
  /** Releases the lock and removes its file. Further calls do nothing. */
  release(): Promise<void>;
}

/**
 * Acquires the lock of an existing directory. The lock does not keep the event loop alive.
 *
 * @param options.name the name of the lock, for directories with several locks; default `lock`.
 * @throws DirectoryLockedError if a live process holds the lock, even if that process is stopped.
 * @throws DirectoryLockUnavailableError if the system does not support such a lock.
 */
export async function acquireDirectoryLock(
  directory: string,
  { name = 'lock' }: { name?: string } = {},
): Promise<DirectoryLock> {
  if (process.platform === 'win32') {
    throw new DirectoryLockUnavailableError(directory, 'Windows has no unix sockets that Node.js can use');
  }
  const { realDirectory, handle } = await openDirectory(directory);
  try {
    // A socket's path is limited to about 107 bytes. A path through the open directory's descriptor is always short
    // enough.
    const socketRoot = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : realDirectory;
    return await new LockCandidate(directory, realDirectory, socketRoot, name).acquire();
  } finally {
    await handle.close();
  }
}

/**
 * Opens the directory. If a permission is missing, rejects with an explanation, and otherwise with the system's error.
 */
async function openDirectory(directory: string) {
  try {
    const realDirectory = await realpath(directory);
    return { realDirectory, handle: await open(realDirectory, constants.O_RDONLY | constants.O_DIRECTORY) };
  } catch (error) {
    throw codeOf(error) === 'EACCES' ? toLockError(directory, error) : error;
  }
}

class LockCandidate {
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

  async acquire(): Promise<DirectoryLock> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const lock = await this.#attempt();
      if (lock !== null) return lock;
      await sleep(Math.random() * PAUSE_MS_MAX);
    }
    throw new DirectoryLockedError(this.#directory);
  }

  /** Tries to acquire the lock. Returns null if other processes interfered and no holder was found. */
  async #attempt(): Promise<DirectoryLock | null> {
    const request = `${this.#name}-${randomUUID()}.new`;
    const server = await this.#listen(request);
    const inode = await this.#inode(request);
    let isHeld = false;
    try {
      if (!(await this.#link(request, this.#lockFile))) {
        await this.#moveDeadSocket();
        return null;
      }
      await this.#remove(request);
      const others = await this.#findLiveSockets(inode);
      isHeld = others.length === 0 && (await this.#inode(this.#lockFile)) === inode;
      if (isHeld) return this.#createLock(server, inode);
      await this.#removeIfOurs(inode);
      // The process that moved these sockets away may be dead, so restore one of them to the free name.
      for (const other of others) await this.#restoreOrRemove(other);
      return null;
    } finally {
      if (!isHeld) {
        await this.#remove(request);
        server.close();
      }
    }
  }

  #createLock(server: Server, inode: bigint | null): DirectoryLock {
    let released: Promise<void> | undefined;
    const release = async (): Promise<void> => {
      // The file is removed first, because after the server is closed, the name may belong to another process.
      await this.#removeIfOurs(inode);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    };
    return { release: () => (released ??= release()) };
  }

  /** Throws if a live process listens on NAME.sock. Otherwise, moves the dead socket away. */
  async #moveDeadSocket(): Promise<void> {
    switch (await probeSocket(this.#socketPath(this.#lockFile))) {
      case 'alive':
        throw new DirectoryLockedError(this.#directory);
      case 'absent':
        return;
      case 'dead': {
        const movedFile = `${this.#name}-${randomUUID()}.old`;
        try {
          await rename(this.#path(this.#lockFile), this.#path(movedFile));
        } catch (error) {
          if (codeOf(error) === 'ENOENT') return;
          throw error;
        }
        await this.#restoreOrRemove(movedFile);
      }
    }
  }

  /** Restores a live socket to the lock's name, or removes a dead socket. Returns whether the socket is live. */
  async #restoreOrRemove(movedFile: string): Promise<boolean> {
    const state = await probeSocket(this.#socketPath(movedFile));
    if (state === 'dead') await this.#remove(movedFile);
    if (state !== 'alive') return false;
    // If NAME.sock exists, the live socket keeps its .old name. As long as it exists, the process that owns NAME.sock
    // cannot hold the lock.
    if (await this.#link(movedFile, this.#lockFile)) await this.#remove(movedFile);
    return true;
  }

  /** Returns the live .old sockets of other processes. Removes dead .old sockets and abandoned requests (.new). */
  async #findLiveSockets(inode: bigint | null): Promise<string[]> {
    const live: string[] = [];
    for (const file of await readdir(this.#root)) {
      if (!file.startsWith(`${this.#name}-`)) continue;
      if (file.endsWith('.old') && (await this.#inode(file)) !== inode) {
        if (await this.#restoreOrRemove(file)) live.push(file);
      } else if (file.endsWith('.new')) {
        await this.#removeIfAbandoned(file);
      }
    }
    return live;
  }

  async #removeIfAbandoned(request: string): Promise<void> {
    const entry = await this.#lstat(request);
    // A new socket may be bound but not listening yet. It would then look dead.
    if (entry === null || Date.now() - Number(entry.mtimeMs) < ABANDONED_AFTER_MS) return;
    if ((await probeSocket(this.#socketPath(request))) === 'dead') await this.#remove(request);
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
      throw toLockError(this.#directory, error);
    }
  }

  /** Creates a hard link. Returns false if the name is in use or the source no longer exists. */
  async #link(from: string, to: string): Promise<boolean> {
    try {
      await link(this.#path(from), this.#path(to));
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
      throw toLockError(this.#directory, error);
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
}

function toLockError(directory: string, error: unknown): DirectoryLockUnavailableError {
  const code = codeOf(error);
  const reason = code === 'EACCES' ? 'this user has no access to it' : REASONS[code ?? ''];
  return new DirectoryLockUnavailableError(
    directory,
    reason ?? `its file system refuses a socket or a hard link to one (${code ?? String(error)})`,
    { cause: error },
  );
}
