import type { Request } from 'express';
import { isSameOrigin, type RequestOrigin } from './origin.js';
import { ForbiddenError } from '../errors.js';

const originOf = ({ headers }: Request): RequestOrigin => ({
  secFetchSite: headers['sec-fetch-site'],
  origin: headers.origin,
  host: headers.host,
});

/** Maximum length of an origin in a message. No real page has a longer origin. */
const ORIGIN_LENGTH_MAX = 300;

/**
 * Returns the error for a page with another origin. The message of the error states what to do if the page is Muster's
 * own after all.
 */
function crossSiteError({ secFetchSite, origin }: RequestOrigin, publicUrl: string): ForbiddenError {
  if (origin === undefined && secFetchSite === undefined) {
    return new ForbiddenError(
      `This browser does not state which page sent this request. Use a current browser and open ${publicUrl}.`,
    );
  }
  const page = parseOrigin(origin);
  if (page === null) return new ForbiddenError(`A page of another site sent this request. Open ${publicUrl} instead.`);
  if (page.protocol === 'http:' && publicUrl.startsWith('https:')) {
    return new ForbiddenError(`This page was opened without TLS, as ${page.origin}. Open ${publicUrl} instead.`);
  }
  return new ForbiddenError(
    `This page came from ${page.origin}, but the address of this Muster server is ${publicUrl}. Open that address, set ` +
      "MUSTER_PUBLIC_URL to the address in the browser's address bar, or have the proxy forward the Host header.",
  );
}

function parseOrigin(origin = ''): URL | null {
  if (origin.length > ORIGIN_LENGTH_MAX || !/^https?:/.test(origin) || !URL.canParse(origin)) return null;
  return new URL(origin);
}

/**
 * Checks a call with a session cookie. If the call changes data, the browser's headers must state that one of our own
 * pages sent the call.
 * @throws ForbiddenError if the headers do not state this.
 */
export function requireSameOrigin(req: Request, publicUrl: string): void {
  if (req.method === 'GET' || req.method === 'HEAD') return;
  const origin = originOf(req);
  if (isSameOrigin(origin, publicUrl) !== true) throw crossSiteError(origin, publicUrl);
}

/**
 * Checks a call that sets a cookie but does not require one. Refuses requests from other sites, which could otherwise
 * sign a visitor in as another user. Clients that do not state an origin, such as programs, are allowed.
 * @throws ForbiddenError for a request from another site.
 */
export function refuseCrossSite(req: Request, publicUrl: string): void {
  const origin = originOf(req);
  if (isSameOrigin(origin, publicUrl) === false) throw crossSiteError(origin, publicUrl);
}
