import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';
import { invalid } from '../domain/valid.js';
import { BodyTooLargeError } from '../errors.js';

/** A body as it came over the wire. */
export interface RawBody {
  bytes: Buffer;
  encoding: 'identity' | 'gzip';
}

const gunzipAside = promisify(gunzip);

/** Compressed bytes that are worth no trip to another thread: they unpack in the time that the trip takes. */
const GUNZIP_HERE_BYTES_MAX = 8 * 1024;

/**
 * The bytes of a body, decompressed.
 * @throws BodyTooLargeError if that makes more than `bytesMax`, of which no more is ever held.
 * @throws InvalidRequestError if it is not gzip.
 */
export async function plainBytes({ bytes, encoding }: RawBody, bytesMax: number): Promise<Buffer> {
  if (encoding === 'identity') return bytes;
  const options = { maxOutputLength: bytesMax };
  try {
    return bytes.length <= GUNZIP_HERE_BYTES_MAX ? gunzipSync(bytes, options) : await gunzipAside(bytes, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new BodyTooLargeError(bytesMax);
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
