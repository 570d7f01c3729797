import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** A file or directory of a tar archive. The content of a file is in memory or in another file. */
export interface TarEntry {
  /** The path without a leading slash. A directory's path ends with a slash. */
  path: string;
  mode: number;
  /** The ID of both the user and the group that own the entry. */
  owner: number;
  content: Buffer | { file: string } | null;
}

const BLOCK_BYTES = 512;

/**
 * Writes a tar archive (POSIX ustar) and returns its SHA-256 as hexadecimal digits. The same entries result in the same
 * bytes, because all times are 0 and no names of users are written.
 */
export async function writeTar(outfile: string, entries: readonly TarEntry[]): Promise<string> {
  const hash = createHash('sha256');
  const out = await open(outfile, 'w');
  const write = async (chunk: Buffer): Promise<void> => {
    hash.update(chunk);
    await out.write(chunk);
  };
  try {
    for (const entry of entries) {
      const { content } = entry;
      const size = content === null ? 0 : Buffer.isBuffer(content) ? content.length : (await stat(content.file)).size;
      await write(header(entry, size));
      if (Buffer.isBuffer(content)) await write(content);
      else if (content !== null) for await (const chunk of createReadStream(content.file)) await write(chunk as Buffer);
      await write(Buffer.alloc(-size & (BLOCK_BYTES - 1)));
    }
    await write(Buffer.alloc(2 * BLOCK_BYTES));
  } finally {
    await out.close();
  }
  return hash.digest('hex');
}

/** Returns the header of an entry, as "ustar Interchange Format" in POSIX's description of `pax` defines it. */
function header({ path, mode, owner, content }: TarEntry, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for a tar header`);
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, digits: number): void =>
    void block.write(value.toString(8).padStart(digits, '0'), offset);
  block.write(path, 0);
  octal(mode, 100, 7);
  octal(owner, 108, 7);
  octal(owner, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write(content === null ? '5' : '0', 156);
  block.write('ustar\x0000', 257);
  // The checksum is computed as if its own field consisted of spaces.
  block.fill(' ', 148, 156);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block[154] = 0;
  return block;
}
