import type { Request, RequestHandler } from 'express';
import { isSameOrigin } from './origin.js';
import { ForbiddenError } from '../errors.js';

const originOf = ({ headers }: Request) => ({
  secFetchSite: headers['sec-fetch-site'],
  origin: headers.origin,
  host: headers.host,
});

const otherSite = () => new ForbiddenError('A page of another site may not do this.');

/**
 * Lets a request change something for its cookie's sake only where its browser says that a page of ours sent it.
 * @throws ForbiddenError
 */
export function requireOwnPage(req: Request, publicUrl: string): void {
  if (req.method === 'GET' || req.method === 'HEAD') return;
  if (isSameOrigin(originOf(req), publicUrl) !== true) throw otherSite();
}

/**
 * For calls that set a cookie and need none: another site may not sign a visitor in as somebody else. A program, which
 * says nothing of its origin, may call.
 */
export const refuseOtherSites =
  (publicUrl: string): RequestHandler =>
  (req, _res, next) => {
    if (isSameOrigin(originOf(req), publicUrl) === false) throw otherSite();
    next();
  };
