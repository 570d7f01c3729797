import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Request } from 'express';
import ipaddr from 'ipaddr.js';
import { ForbiddenError, TokenInvalidError } from '../errors.js';
import { bearerToken } from './bearer.js';
import type { Guard } from './route.js';

/** Who may read the metrics if no token is set: no one, or a client on this machine. */
export type MetricsWithoutToken = 'no one' | 'this machine';

/**
 * Protects the metrics. If a token is set, any client that sends the token can read the metrics. If no token is set,
 * `this machine` allows only loopback connections whose Host is a loopback name. Otherwise, a web page could read the
 * metrics through a DNS name that resolves to this machine. Use `this machine` only without a public URL: a proxy on
 * this machine also connects from loopback, and some proxies add no header that reveals them.
 * @throws TokenInvalidError for a missing or wrong token, ForbiddenError if no token is set and the client is not
 * allowed to read the metrics.
 */
export function requireMetricsAuth(token: string | null, withoutToken: MetricsWithoutToken): Guard<null> {
  if (token === null) {
    return async (req, _res, proceed) => {
      const isLocal =
        isLoopback(req.socket.remoteAddress ?? '') && isLoopbackHost(req.headers.host) && !isForwarded(req);
      if (withoutToken !== 'this machine' || !isLocal)
        throw new ForbiddenError('To read the metrics, set MUSTER_METRICS_TOKEN and send it as the bearer token.');
      await proceed(null);
    };
  }
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(token);
  return async (req, _res, proceed) => {
    // Digests have equal lengths, so the comparison takes constant time.
    if (!timingSafeEqual(digest(bearerToken(req)), expected)) throw new TokenInvalidError('Wrong metrics token.');
    await proceed(null);
  };
}

/**
 * Whether a proxy sent, or may have sent, this request. Some proxies use HTTP/1.0 with their backend, and hardly any
 * other client does.
 */
const isForwarded = ({ headers, httpVersion }: Request): boolean =>
  httpVersion === '1.0' ||
  Object.keys(headers).some((name) => FORWARDING_HEADERS.has(name) || name.startsWith('x-forwarded-'));

const FORWARDING_HEADERS: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip']);

/** Whether a Host header is `localhost` or a loopback address, with any port. */
function isLoopbackHost(host = ''): boolean {
  const name = /^(\[.*\]|[^[\]:]*)(?::\d*)?$/.exec(host.toLowerCase())?.[1] ?? '';
  return name === 'localhost' || isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}

const isLoopback = (address: string): boolean => isIP(address) !== 0 && ipaddr.process(address).range() === 'loopback';
