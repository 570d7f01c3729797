/** Backs up the embedded database into one file. */
import { randomUUID } from 'node:crypto';
import { link, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

import { pathExists, syncDirectory } from '../data-directory.js';
import { BackupError } from '../errors.js';
import { readDataDirectory } from './read-data-directory.js';
import { backupBytes, type BackupCounts } from './write-backup.js';

export interface BackupOptions {
  readonly dataDir: string;
  /** The path of the backup. */
  readonly file: string;
  /** Whether to replace an existing file. */
  readonly force?: boolean;
  readonly at?: Date;
}

export interface BackupSummary extends BackupCounts {
  /** The absolute path of the backup. */
  readonly file: string;
  readonly bytes: number;
}

/**
 * Writes all data of the embedded database into a file that only its owner can read. The file appears only when it is
 * complete. Applies no migrations. A newer version of Muster can therefore back up the data of an older version,
 * provided that its PGlite can open that data.
 *
 * @throws DatabaseLockedError while a process has the database open.
 * @throws BackupError | DataDirectoryError | DatabaseUnsuitableError
 */
export async function backUpDatabase({
  dataDir,
  file,
  force = false,
  at = new Date(),
}: BackupOptions): Promise<BackupSummary> {
  const target = resolve(file);
  // This early check only avoids useless work. `publishFile` checks again, because the file may appear in the meantime.
  if (!force && (await pathExists(target))) throw fileExistsError(target);
  return readDataDirectory(dataDir, async (client) => {
    const counts: BackupCounts = { tables: 0, rows: 0 };
    const bytes = await writeAtomically(target, force, async (handle) => {
      await pipeline(backupBytes(client, at, counts), createGzip(), async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) await handle.writeFile(chunk);
      });
    });
    return { ...counts, file: target, bytes };
  });
}

/**
 * Writes a temporary file and then gives it its final name. Deletes the temporary file after a failure. Resolves with
 * the file's size in bytes.
 */
async function writeAtomically(
  file: string,
  force: boolean,
  write: (handle: FileHandle) => Promise<void>,
): Promise<number> {
  const unfinished = join(dirname(file), `.${basename(file)}.${randomUUID()}`);
  try {
    const handle = await open(unfinished, 'wx', 0o600);
    let bytes: number;
    try {
      await write(handle);
      await handle.sync();
      bytes = (await handle.stat()).size;
    } finally {
      await handle.close();
    }
    await publishFile(unfinished, file, force);
    return bytes;
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) {
      throw new BackupError(`The backup ${file} cannot be written: ${message}`, { cause: error });
    }
    throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Gives the file its final name. Without `force`, uses `link`, which fails if another file already has that name. */
async function publishFile(unfinished: string, file: string, force: boolean): Promise<void> {
  try {
    await (force ? rename(unfinished, file) : link(unfinished, file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fileExistsError(file);
    throw error;
  }
  await syncDirectory(dirname(file));
}

const fileExistsError = (file: string): BackupError =>
  new BackupError(`The file ${file} already exists: choose another name, or replace it with --force.`);
