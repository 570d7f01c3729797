import type { Request } from 'express';
import { isSameOrigin } from './origin.js';
import { ForbiddenError } from '../errors.js';

const originOf = ({ headers }: Request) => ({
  secFetchSite: headers['sec-fetch-site'],
  origin: headers.origin,
  host: headers.host,
});

const crossSiteError = () =>
  new ForbiddenError(
    "Blocked: this page's address does not match the server's. Set MUSTER_PUBLIC_URL or forward the Host header.",
  );

/**
 * Checks a call with a session cookie. If the call changes data, the browser's headers must state that one of our own
 * pages sent it.
 * @throws ForbiddenError if they do not.
 */
export function requireSameOrigin(req: Request, publicUrl: string): void {
  if (req.method === 'GET' || req.method === 'HEAD') return;
  if (isSameOrigin(originOf(req), publicUrl) !== true) throw crossSiteError();
}

/**
 * Checks a call that sets a cookie but does not require one. Refuses requests from other sites, which could otherwise
 * sign a visitor in as another user. Clients that do not state an origin, such as programs, are allowed.
 * @throws ForbiddenError for a request from another site.
 */
export function refuseCrossSite(req: Request, publicUrl: string): void {
  if (isSameOrigin(originOf(req), publicUrl) === false) throw crossSiteError();
}
