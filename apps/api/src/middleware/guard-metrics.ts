import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { ForbiddenError, TokenInvalidError } from '../errors.js';
import { bearerToken } from './bearer.js';

/**
 * Lets those in who may read the metrics: with a token, whoever sends it. Without one, whoever asks from this machine
 * by no proxy: a proxy beside us would let the whole world in by its own address.
 * @throws TokenInvalidError, or ForbiddenError where there is no token to send.
 */
export function guardMetrics(token: string | null): RequestHandler {
  if (token === null) {
    return (req, _res, next) => {
      if (isLoopback(req.socket.remoteAddress ?? '') && !isForwarded(req)) next();
      else throw new ForbiddenError('Set MUSTER_METRICS_TOKEN to read the metrics from another machine.');
    };
  }
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(token);
  return (req, _res, next) => {
    // Digests are of one length, and take one time to compare.
    if (timingSafeEqual(digest(bearerToken(req)), expected)) next();
    else throw new TokenInvalidError('This is not the token of the metrics.');
  };
}

const isForwarded = ({ headers }: Request): boolean =>
  ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'].some((name) => headers[name] !== undefined);

const isLoopback = (address: string): boolean => {
  const plain = address.replace(/^::ffff:/, '');
  return isIP(plain) === 4 ? plain.startsWith('127.') : plain === '::1';
};
