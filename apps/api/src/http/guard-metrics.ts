import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { ForbiddenError, TokenInvalidError } from '../errors.js';
import { bearerToken } from './bearer.js';

/** Who may read the metrics where no token is set: no one, or a client on this machine. */
export type MetricsWithoutToken = 'no one' | 'this machine';

/**
 * Lets a client read the metrics: with the token, from anywhere. Without a token, only `this machine` can be let in: a
 * loopback connection whose Host is a loopback name, so that no page in a browser can read them through a name of its
 * own that leads here. A proxy on this machine connects from loopback as well and may add no header, so `this machine`
 * is for installations without a public URL.
 * @throws TokenInvalidError, or ForbiddenError where there is no token to send.
 */
export function guardMetrics(token: string | null, withoutToken: MetricsWithoutToken): RequestHandler {
  if (token === null) {
    return (req, _res, next) => {
      const isLocal =
        isLoopback(req.socket.remoteAddress ?? '') && isLoopbackHost(req.headers.host) && !isForwarded(req);
      if (withoutToken === 'this machine' && isLocal) next();
      else throw new ForbiddenError('Set MUSTER_METRICS_TOKEN, and send it as the bearer token, to read the metrics.');
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

/** Whether a proxy says that it sent this, or may have: some speak HTTP/1.0 to what is behind them, and no client here does. */
const isForwarded = ({ headers, httpVersion }: Request): boolean =>
  httpVersion === '1.0' || Object.keys(headers).some((name) => FORWARDED.has(name) || name.startsWith('x-forwarded-'));

const FORWARDED: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip']);

/** Whether a Host header names this machine as loopback: `localhost` or a loopback address, with any port. */
function isLoopbackHost(host = ''): boolean {
  const name = /^(\[.*\]|[^[\]:]*)(?::\d*)?$/.exec(host.toLowerCase())?.[1] ?? '';
  return name === 'localhost' || isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}

const isLoopback = (address: string): boolean => {
  const plain = address.replace(/^::ffff:/, '');
  return isIP(plain) === 4 ? plain.startsWith('127.') : plain === '::1';
};
