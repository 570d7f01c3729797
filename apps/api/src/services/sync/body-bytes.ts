import { promisify } from 'node:util';
import { gunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { invalidRequest } from '../../lib/parse-or-throw.js';
import { BodyTooLargeError } from '../../errors.js';

/** A request body as received. */
export interface RawBody {
  bytes: Buffer;
  encoding: 'identity' | 'gzip';
  /** The declared decompressed size of a gzip body. Memory for this size is already reserved. */
  plainBytesMax?: number;
  /**
   * Reserves memory for this many more decompressed bytes.
   * @throws OverloadedError if no memory becomes available in time.
   */
  reserve?: (plainBytes: number) => Promise<void>;
}

/** The first two bytes of every gzip stream. */
const GZIP_MAGIC = 0x1f8b;

/**
 * Returns the decompressed size that the last member of a gzip stream declares in its last four bytes (RFC 1952, 2.3.1,
 * ISIZE); 0 if the bytes are not gzip. The size is only an estimate, because there may be more members, and a truncated
 * or extended stream may declare any size.
 */
export const gzipPlainLength = (bytes: Buffer): number =>
  bytes.length < 18 || bytes.readUInt16BE(0) !== GZIP_MAGIC ? 0 : bytes.readUInt32LE(bytes.length - 4);

/** A decompressed buffer, and zlib's engine, whose `bytesWritten` shows whether all input was read. */
interface Unpacked {
  buffer: Buffer;
  engine: { bytesWritten: number };
}
const gunzipOffThread = promisify(gunzip) as unknown as (bytes: Buffer, options: ZlibOptions) => Promise<Unpacked>;
const gunzipInline = gunzipSync as unknown as (bytes: Buffer, options: ZlibOptions) => Unpacked;

/**
 * Up to this compressed size, decompressing on this thread takes no longer than handing the bytes to another thread.
 */
const GUNZIP_INLINE_BYTES_MAX = 8 * 1024;

/**
 * Returns the decompressed bytes of a body, including all members of a gzip stream.
 * @throws BodyTooLargeError if the decompressed bytes exceed `bytesMax`. No more than `bytesMax` bytes are
 * decompressed.
 * @throws InvalidRequestError if the body is not gzip, is truncated or has other data after the gzip stream.
 */
export async function plainBytes(body: RawBody, bytesMax: number): Promise<Buffer> {
  const { bytes, encoding, plainBytesMax = bytesMax, reserve } = body;
  if (encoding === 'identity') {
    if (bytes.length > bytesMax) throw new BodyTooLargeError(bytesMax);
    return bytes;
  }
  if (plainBytesMax < bytesMax) {
    const plain = await unpack(bytes, plainBytesMax);
    if (plain !== null) return plain;
    await reserve?.(bytesMax - plainBytesMax);
  }
  const plain = await unpack(bytes, bytesMax);
  if (plain === null) throw new BodyTooLargeError(bytesMax);
  return plain;
}

/**
 * Decompresses the bytes. Returns null if the result exceeds `bytesMax`.
 * @throws InvalidRequestError if the bytes are not gzip from beginning to end.
 */
async function unpack(bytes: Buffer, bytesMax: number): Promise<Buffer | null> {
  const options = { maxOutputLength: Math.max(1, bytesMax), info: true };
  try {
    const unpacked =
      bytes.length <= GUNZIP_INLINE_BYTES_MAX ? gunzipInline(bytes, options) : await gunzipOffThread(bytes, options);
    if (unpacked.engine.bytesWritten === bytes.length) return unpacked.buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null;
  }
  throw invalidRequest([{ path: '', message: 'the body is not valid gzip' }]);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses UTF-8 JSON.
 * @throws InvalidRequestError if the bytes are not UTF-8 or not JSON.
 */
export function parseJsonBytes(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not valid JSON' : 'is not valid UTF-8';
    throw invalidRequest([{ path: '', message: `the body ${why}` }]);
  }
}
