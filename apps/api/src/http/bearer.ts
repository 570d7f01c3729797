import type { Request } from 'express';
import { TokenInvalidError } from '../errors.js';

/**
 * Whether a request has a bearer token, valid or not. Credentials of other kinds do not count, because they may be
 * meant for a proxy. A browser sends a proxy's credentials to every server behind the proxy.
 */
export const hasBearerToken = (req: Request): boolean => /^Bearer\b/i.test(req.headers.authorization ?? '');

/**
 * Returns the bearer token of a request.
 * @throws TokenInvalidError if the request has no bearer token.
 */
export function bearerToken(req: Request): string {
  const match = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(req.headers.authorization ?? '');
  if (!match) throw new TokenInvalidError('A bearer token is required: send Authorization: Bearer <token>.');
  return match[1]!;
}
