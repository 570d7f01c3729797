import type { Request } from 'express';
import { parseParameters, parseWith } from '@muster/contracts';
import type { z } from 'zod';
import { valid } from '../lib/parse-or-throw.js';
import { BodyTooLargeError, UnsupportedMediaTypeError } from '../errors.js';
import { gzipPlainLength, parseJsonBytes, plainBytes, type RawBody } from '../services/sync/body-bytes.js';
import { receiveBody } from './receive-body.js';

/**
 * Reads a JSON body's bytes as they are, for whoever has a use for them before they are parsed.
 * @throws UnsupportedMediaTypeError for another content type, charset or encoding than JSON in UTF-8, plain or gzip.
 * @throws BodyTooLargeError above `bytesMax`; what follows of the request is read and dropped, because a client that
 * is still sending does not look for an answer.
 * @throws OverloadedError where others' bodies leave no room for this one in time.
 * @throws RequestTimeoutError for one that comes too slowly, RateLimitedError where the caller sends others at once.
 */
export async function readJsonBytes(req: Request, bytesMax: number): Promise<RawBody> {
  const encoding = contentEncoding(req);
  const [mediaType = '', ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (mediaType.trim() !== 'application/json') {
    throw new UnsupportedMediaTypeError('The body must be JSON, sent with Content-Type: application/json.');
  }
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new UnsupportedMediaTypeError('JSON is sent in UTF-8.');
  }
  if (Number(req.headers['content-length'] ?? 0) > bytesMax) {
    req.resume();
    throw new BodyTooLargeError(bytesMax);
  }
  return readWithin(req, encoding, bytesMax);
}

/**
 * Reads a body within what the process has for bodies. Its bytes are counted as they come, never as they are announced;
 * while they come, others work. A body that came with its head, as most do, is read at once: who left for it would only
 * stand in line once more.
 */
async function readWithin(req: Request, encoding: RawBody['encoding'], bytesMax: number): Promise<RawBody> {
  const work = req.res?.locals.work;
  const bytes = await receiveBody(req, bytesMax);
  if (encoding === 'identity') {
    work?.holdsAll();
    await work?.enter();
    return { bytes, encoding };
  }
  const reserve = async (plainBytes: number) => {
    await work?.hold(plainBytes);
    work?.holdsAll();
    await work?.enter();
  };
  const plainBytesMax = Math.min(gzipPlainLength(bytes), bytesMax);
  await reserve(plainBytesMax);
  return { bytes, encoding, plainBytesMax, reserve };
}

/**
 * Reads and checks a body against its schema.
 * @throws what `readJsonBytes`, `plainBytes` and `parseJsonBytes` do, and InvalidRequestError naming the fields.
 */
export async function readBody<S extends z.ZodType>(req: Request, schema: S, bytesMax: number): Promise<z.output<S>> {
  const body = await readJsonBytes(req, bytesMax);
  return valid(parseWith(schema, parseJsonBytes(await plainBytes(body, bytesMax))));
}

/** Checks query parameters, headers or path parameters. @throws InvalidRequestError naming them. */
export const readFields = <S extends z.ZodType>(schema: S, fields: Readonly<Record<string, unknown>>): z.output<S> =>
  valid(parseParameters(schema, fields));

function contentEncoding(req: Request): RawBody['encoding'] {
  const encoding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === 'gzip') return encoding;
  // An older name of the same (RFC 9110, 8.4.1.3).
  if (encoding === 'x-gzip') return 'gzip';
  throw new UnsupportedMediaTypeError('The body may be sent plain or with Content-Encoding: gzip.');
}
