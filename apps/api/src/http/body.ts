import type { Request } from 'express';
import { parseParameters, parseWith } from '@muster/contracts';
import type { z } from 'zod';
import { parsedOrThrow } from '../lib/parse-or-throw.js';
import { BodyTooLargeError, UnsupportedMediaTypeError } from '../errors.js';
import { gzipPlainLength, parseJsonBytes, plainBytes, type RawBody } from '../services/sync/index.js';
import { receiveBytes } from './receive-bytes.js';

/**
 * Reads a JSON body and validates it against its schema. Without a schema, returns the bytes as received.
 * @throws UnsupportedMediaTypeError unless the body is UTF-8 JSON, plain or gzip-compressed.
 * @throws BodyTooLargeError if the body exceeds `bytesMax`. The rest of the request is read and dropped, because a
 * client that is still sending does not read the response.
 * @throws InvalidRequestError if the body is not JSON or has invalid fields, which the error lists.
 * @throws OverloadedError if no memory for the body becomes available in time.
 * @throws RequestTimeoutError if the body arrives too slowly, RateLimitedError if the caller sends too many bodies at
 * once.
 */
export async function readBody(req: Request, schema: z.ZodType | null, bytesMax: number): Promise<unknown> {
  const encoding = requireJson(req);
  if (Number(req.headers['content-length'] ?? 0) > bytesMax) {
    req.resume();
    throw new BodyTooLargeError(bytesMax);
  }
  const body = await readWithinLimit(req, encoding, bytesMax);
  if (schema === null) return body;
  return parsedOrThrow(parseWith(schema, parseJsonBytes(await plainBytes(body, bytesMax))));
}

/**
 * Returns the encoding of a JSON body. @throws UnsupportedMediaTypeError if the headers declare a body that is not
 * UTF-8 JSON, or an unsupported encoding.
 */
function requireJson({ headers }: Request): RawBody['encoding'] {
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  // `x-gzip` is an older name for gzip (RFC 9110, 8.4.1.3).
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new UnsupportedMediaTypeError('The body must be plain or use Content-Encoding: gzip.');
  }
  if (mediaType.trim() !== 'application/json') {
    throw new UnsupportedMediaTypeError('The body must be JSON, sent with Content-Type: application/json.');
  }
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new UnsupportedMediaTypeError('The body must be UTF-8.');
  }
  return encoding === 'identity' ? encoding : 'gzip';
}

/**
 * Reads a body within the process's memory limit for bodies. Counts the bytes that arrive, not the announced length,
 * and releases the request's slot while the body arrives. Most bodies arrive together with their headers. In that case,
 * the request keeps its slot, so that it need not queue for a slot again.
 */
async function readWithinLimit(req: Request, encoding: RawBody['encoding'], bytesMax: number): Promise<RawBody> {
  const slot = req.res?.locals.slot;
  const bytes = await receiveBytes(req, bytesMax);
  if (encoding === 'identity') {
    slot?.completeBody();
    await slot?.acquire();
    return { bytes, encoding };
  }
  const reserve = async (plainBytes: number) => {
    await slot?.reserveBytes(plainBytes);
    slot?.completeBody();
    await slot?.acquire();
  };
  const plainBytesMax = Math.min(gzipPlainLength(bytes), bytesMax);
  await reserve(plainBytesMax);
  return { bytes, encoding, plainBytesMax, reserve };
}

/**
 * Validates query parameters, headers or path parameters. @throws InvalidRequestError that lists the invalid fields.
 */
export const parseFields = <S extends z.ZodType>(schema: S, fields: Readonly<Record<string, unknown>>): z.output<S> =>
  parsedOrThrow(parseParameters(schema, fields));
