import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';
import { invalid } from '../domain/valid.js';
import { BodyTooLargeError } from '../errors.js';

/** A body as it came over the wire. */
export interface RawBody {
  bytes: Buffer;
  encoding: 'identity' | 'gzip';
  /** Of gzip: what it says that it unpacks to, for which there is room in memory. */
  plainBytesMax?: number;
}

/** The bytes that every gzip stream begins with. */
const GZIP_MAGIC = 0x1f8b;

/**
 * What a gzip stream says that it unpacks to: its last four bytes (RFC 1952, 2.3.1, ISIZE), which can lie. 0 for what
 * is no gzip, which unpacking it will tell.
 */
export const gzipPlainLength = (bytes: Buffer): number =>
  bytes.length < 18 || bytes.readUInt16BE(0) !== GZIP_MAGIC ? 0 : bytes.readUInt32LE(bytes.length - 4);

const gunzipAside = promisify(gunzip);

/** Compressed bytes that are worth no trip to another thread: they unpack in the time that the trip takes. */
const GUNZIP_HERE_BYTES_MAX = 8 * 1024;

/**
 * The bytes of a body, decompressed.
 * @throws BodyTooLargeError if that makes more than `bytesMax`, of which no more is ever held.
 * @throws InvalidRequestError if it is not gzip, or not one member that is as long as it says.
 */
export async function plainBytes(body: RawBody, bytesMax: number): Promise<Buffer> {
  const { bytes, encoding, plainBytesMax = bytesMax } = body;
  if (encoding === 'identity') return bytes;
  const options = { maxOutputLength: Math.max(1, Math.min(bytesMax, plainBytesMax)) };
  try {
    return bytes.length <= GUNZIP_HERE_BYTES_MAX ? gunzipSync(bytes, options) : await gunzipAside(bytes, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      if (plainBytesMax >= bytesMax) throw new BodyTooLargeError(bytesMax);
      throw invalid([{ path: '', message: 'the body unpacks to more than its gzip trailer says' }]);
    }
    throw invalid([{ path: '', message: 'the body is not valid gzip' }]);
  }
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
