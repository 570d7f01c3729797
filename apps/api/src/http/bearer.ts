import type { Request } from 'express';
import { TokenInvalidError } from '../errors.js';

/**
 * Whether a request has a bearer token, valid or not. Other credentials may be for a proxy: a browser sends those to
 * everything behind it.
 */
export const hasBearerToken = (req: Request): boolean => /^Bearer\b/i.test(req.headers.authorization ?? '');

/**
 * Returns the bearer token of a request.
 * @throws TokenInvalidError if there is none.
 */
export function bearerToken(req: Request): string {
  const match = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(req.headers.authorization ?? '');
  if (!match) throw new TokenInvalidError('A bearer token is required: send Authorization: Bearer <token>.');
  return match[1]!;
}
