import type { IncomingMessage } from 'node:http';

/**
 * Reduces a request's target to its path and query, as Express takes it: a whole address (RFC 9112, 3.2.2) is one for the
 * path in it. False where it has none. Express would skip every middleware for such a target, and answer with a page of its
 * own.
 */
export function reduceTarget(req: IncomingMessage): boolean {
  const { url = '' } = req;
  if (url.startsWith('/') || url === '*') return true;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { pathname, search } = new URL(url);
  req.url = pathname + search;
  return true;
}
