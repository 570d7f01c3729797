import { promisify } from 'node:util';
import { gunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { invalid } from '../../lib/parse-or-throw.js';
import { BodyTooLargeError } from '../../errors.js';

/** A body as it came over the wire. */
export interface RawBody {
  bytes: Buffer;
  encoding: 'identity' | 'gzip';
  /** Of gzip: what it says that it unpacks to, for which there is room in memory. */
  plainBytesMax?: number;
  /** Makes room for so many more plain bytes. @throws OverloadedError if there is none in time. */
  reserve?: (plainBytes: number) => Promise<void>;
}

/** The bytes that every gzip stream begins with. */
const GZIP_MAGIC = 0x1f8b;

/**
 * What the last member of a gzip stream says that it unpacks to: its last four bytes (RFC 1952, 2.3.1, ISIZE). It is a guess
 * of what the whole makes: there may be more members, and what was cut short or lengthened says anything. 0 for what is
 * not gzip.
 */
export const gzipPlainLength = (bytes: Buffer): number =>
  bytes.length < 18 || bytes.readUInt16BE(0) !== GZIP_MAGIC ? 0 : bytes.readUInt32LE(bytes.length - 4);

/** With the engine that did it, by which one knows whether it read everything. */
interface Unpacked {
  buffer: Buffer;
  engine: { bytesWritten: number };
}
const gunzipAside = promisify(gunzip) as unknown as (bytes: Buffer, options: ZlibOptions) => Promise<Unpacked>;
const gunzipHere = gunzipSync as unknown as (bytes: Buffer, options: ZlibOptions) => Unpacked;

/** Compressed bytes that are worth no trip to another thread: they unpack in the time that the trip takes. */
const GUNZIP_HERE_BYTES_MAX = 8 * 1024;

/**
 * The bytes of a body, decompressed: of all members of a gzip stream.
 * @throws BodyTooLargeError if that makes more than `bytesMax`, of which no more is ever held.
 * @throws InvalidRequestError if it is not gzip, is cut short or goes on as something else.
 */
export async function plainBytes(body: RawBody, bytesMax: number): Promise<Buffer> {
  const { bytes, encoding, plainBytesMax = bytesMax, reserve } = body;
  if (encoding === 'identity') return bytes;
  if (plainBytesMax < bytesMax) {
    const plain = await unpack(bytes, plainBytesMax);
    if (plain !== null) return plain;
    await reserve?.(bytesMax - plainBytesMax);
  }
  const plain = await unpack(bytes, bytesMax);
  if (plain === null) throw new BodyTooLargeError(bytesMax);
  return plain;
}

/** Null if it makes more than `bytesMax`. @throws InvalidRequestError if it is not gzip from end to end. */
async function unpack(bytes: Buffer, bytesMax: number): Promise<Buffer | null> {
  const options = { maxOutputLength: Math.max(1, bytesMax), info: true };
  try {
    const unpacked =
      bytes.length <= GUNZIP_HERE_BYTES_MAX ? gunzipHere(bytes, options) : await gunzipAside(bytes, options);
    if (unpacked.engine.bytesWritten === bytes.length) return unpacked.buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null;
  }
  throw invalid([{ path: '', message: 'the body is not valid gzip' }]);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads JSON in UTF-8.
 * @throws InvalidRequestError if it is not UTF-8 or not JSON.
 */
export function parseJsonBytes(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not valid JSON' : 'is not valid UTF-8';
    throw invalid([{ path: '', message: `the body ${why}` }]);
  }
}
