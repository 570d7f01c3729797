import type { Request } from 'express';
import { TokenInvalidError } from '../errors.js';

/**
 * The bearer token of a request.
 * @throws TokenInvalidError if there is none.
 */
export function bearerToken(req: Request): string {
  const match = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(req.headers.authorization ?? '');
  if (!match) throw new TokenInvalidError('A bearer token is required: send Authorization: Bearer <token>.');
  return match[1]!;
}
