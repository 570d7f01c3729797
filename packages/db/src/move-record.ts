/**
 * The record of a move to a server, a file in the data directory. It prevents a start of Muster on the embedded
 * database after the move. Without the record, some data could be written to one database and some to the other.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

import { dataDirectoryPaths, syncDirectory } from './data-directory.js';
import { DatabaseMovedError } from './errors.js';

export interface MoveRecord {
  /** The server's database, as a URL without its password. */
  readonly to: string;
  /** When the data was copied, in RFC 3339 format. */
  readonly at: string;
  /** The random id of the move. The move's transaction also stores it on the server. */
  readonly moveId: string;
  /** Whether the transaction is known to be committed. False only while the server commits. */
  readonly isComplete: boolean;
}

/** Returns the record of a move, or null if the data was never moved. */
export async function readMoveRecord(dataDir: string): Promise<MoveRecord | null> {
  let text: string;
  try {
    text = await readFile(dataDirectoryPaths(dataDir).moved, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return JSON.parse(text) as MoveRecord;
}

/** Replaces the record. After a crash, either the old or the new record exists. */
export async function writeMoveRecord(dataDir: string, record: MoveRecord): Promise<void> {
  const { moved } = dataDirectoryPaths(dataDir);
  const unfinished = `${moved}.unfinished`;
  const handle = await open(unfinished, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(record, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, moved);
  await syncDirectory(dirname(moved));
}

/** @throws DatabaseMovedError if the data was moved to a server, or may have been. */
export async function refuseMovedDirectory(dataDir: string): Promise<void> {
  const record = await readMoveRecord(dataDir);
  if (record !== null) throw movedError(dataDir, record);
}

/** Returns the error for the data of a directory that was moved, or may have been. */
export function movedError(
  dataDir: string,
  { to, at, isComplete }: MoveRecord,
  options?: ErrorOptions,
): DatabaseMovedError {
  const { directory, moved } = dataDirectoryPaths(dataDir);
  return new DatabaseMovedError(
    isComplete
      ? `The data of ${directory} was moved to ${to} on ${at}: set DATABASE_URL to that database. To use ` +
          `${directory} as it was before the move, delete ${moved}.`
      : `A move of the data of ${directory} to ${to} was interrupted at its last step: run "muster move-database" ` +
          `again, which completes the move or repeats it. To use ${directory} instead, delete ${moved}.`,
    options,
  );
}
