import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Request } from 'express';
import { parseWith, type FieldError, type Parsed } from '@muster/contracts';
import type { z } from 'zod';
import { BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError } from '../errors.js';

/** A body as it came over the wire. */
export interface RawBody {
  bytes: Buffer;
  encoding: 'identity' | 'gzip';
}

/** The client went away in the middle of its request: there is nobody to answer. */
export class RequestAbortedError extends Error {
  constructor() {
    super('the client closed the connection before its request was complete');
    this.name = 'RequestAbortedError';
  }
}

const decompress = promisify(gunzip);
const NOT_VALID = 'The request is not valid.';

/**
 * Reads a JSON body's bytes as they are, for whoever has a use for them before they are parsed.
 * @throws UnsupportedMediaTypeError for another content type, charset or encoding than JSON in UTF-8, plain or gzip.
 * @throws BodyTooLargeError above `bytesMax`; what follows of the request is read and dropped, because a client that
 * is still sending does not look for an answer.
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
  return { bytes: await readBytes(req, bytesMax), encoding };
}

/**
 * Reads the JSON value that a body holds.
 * @throws BodyTooLargeError if it decompresses to more than `bytesMax`, of which no more is ever held.
 * @throws InvalidRequestError if it is not gzip, not UTF-8 or not JSON.
 */
export async function parseJson({ bytes, encoding }: RawBody, bytesMax: number): Promise<unknown> {
  const plain = encoding === 'gzip' ? await gunzipWithin(bytes, bytesMax) : bytes;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain)) as unknown;
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not valid JSON' : 'is not valid UTF-8';
    throw new InvalidRequestError(NOT_VALID, [{ path: '', message: `the body ${why}` }]);
  }
}

/**
 * Reads and checks a body against its schema.
 * @throws what `readJsonBytes` and `parseJson` do, and InvalidRequestError naming the fields.
 */
export async function readBody<S extends z.ZodType>(req: Request, schema: S, bytesMax: number): Promise<z.output<S>> {
  const body = await readJsonBytes(req, bytesMax);
  return valid(parseWith(schema, await parseJson(body, bytesMax)));
}

/** Checks query parameters, headers or path parameters. @throws InvalidRequestError naming them. */
export const readFields = <S extends z.ZodType>(schema: S, fields: unknown): z.output<S> =>
  valid(parseWith(schema, fields));

/** What was parsed. @throws InvalidRequestError with what was wrong instead. */
export function valid<T>(parsed: Parsed<T>): T {
  if (!parsed.success) throw new InvalidRequestError(NOT_VALID, withoutInput(parsed.errors));
  return parsed.data;
}

/** Messages are shown as they are, so none may carry a long piece of what was sent. */
const withoutInput = (errors: readonly FieldError[]): FieldError[] =>
  errors.map(({ path, message }) => ({ path, message: message.slice(0, 300) }));

function contentEncoding(req: Request): RawBody['encoding'] {
  const encoding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === 'gzip') return encoding;
  throw new UnsupportedMediaTypeError('The body may be sent plain or with Content-Encoding: gzip.');
}

function readBytes(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    req.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= bytesMax) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        reject(new BodyTooLargeError(bytesMax));
      }
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', () => reject(new RequestAbortedError()));
    req.on('close', () => reject(new RequestAbortedError()));
  });
}

async function gunzipWithin(bytes: Buffer, bytesMax: number): Promise<Buffer> {
  try {
    return await decompress(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new BodyTooLargeError(bytesMax);
    throw new InvalidRequestError(NOT_VALID, [{ path: '', message: 'the body is not valid gzip' }]);
  }
}
