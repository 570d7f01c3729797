/** Reads the lines of a backup file. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { BackupError } from '../errors.js';
import { parseLine, type BackupLine } from './format.js';

const NEWLINE = 0x0a;

/**
 * Yields the lines of a backup except the last one, in order. The file is known to be complete and unchanged only when
 * the generator ends without an error. The caller must therefore read the whole file once before it uses any line.
 *
 * @throws BackupError
 */
export async function* readBackup(file: string): AsyncGenerator<Exclude<BackupLine, { kind: 'end' }>> {
  const hash = createHash('sha256');
  let rows = 0;
  let previous: BackupLine['kind'] | null = null;
  for await (const bytes of readLines(file)) {
    const line = parseLine(bytes.toString('utf8'));
    if (line === null || previous === 'end') throw damagedError(file);
    if ((previous === null) !== (line.kind === 'header')) throw damagedError(file);
    if (line.kind === 'row' && previous === 'header') throw damagedError(file);
    previous = line.kind;
    if (line.kind === 'end') {
      if (line.end.rows !== rows || line.end.sha256 !== hash.digest('hex')) throw damagedError(file);
      continue;
    }
    hash.update(bytes).update('\n');
    if (line.kind === 'row') rows += 1;
    yield line;
  }
  if (previous !== 'end') throw damagedError(file);
}

async function* readLines(file: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  // If either stream fails, `pipeline` destroys the other one, so that the loop below receives an error.
  pipeline(createReadStream(file), gunzip, () => undefined);
  let partialLine: Buffer[] = [];
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
        yield Buffer.concat([...partialLine, chunk.subarray(from, to)]);
        partialLine = [];
        from = to + 1;
      }
      partialLine.push(chunk.subarray(from));
    }
  } catch (error) {
    throw toBackupError(file, error);
  }
  if (partialLine.some((part) => part.length > 0)) throw damagedError(file);
}

function toBackupError(file: string, error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code.startsWith('Z_')) return damagedError(file, { cause: error });
  return code === '' ? error : new BackupError(`The backup ${file} cannot be read: ${message}`, { cause: error });
}

const damagedError = (file: string, options?: ErrorOptions): BackupError =>
  new BackupError(`${file} is not a Muster backup, or is truncated or altered: nothing was restored.`, options);
