import { createHash } from 'node:crypto';
import { createYielder } from '../../lib/yielder.js';
import type { RawBody } from './body-bytes.js';

/** The number of bytes hashed between two checks of whether to yield. */
const HASH_BYTES = 512 * 1024;

/** Returns a body's digest: the SHA-256 of the salt (`DigestSalts`), the content encoding and the bytes as received. */
export async function bodyDigest({ bytes, encoding }: RawBody, salt: string): Promise<string> {
  const yielder = createYielder();
  const hash = createHash('sha256').update(`${salt}:${encoding}:`);
  for (let start = 0; start < bytes.length; start += HASH_BYTES) {
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    hash.update(bytes.subarray(start, start + HASH_BYTES));
  }
  return hash.digest('base64url');
}
