import type { IncomingMessage } from 'node:http';

/**
 * Reduces a request's target to its path and query: an absolute-form target (RFC 9112, 3.2.2) is replaced by its path.
 * Returns false if there is no path. For such a target, Express would skip every middleware and send its own error
 * page.
 */
export function normalizeTarget(req: IncomingMessage): boolean {
  const { url = '' } = req;
  if (url.startsWith('/') || url === '*') return true;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { pathname, search } = new URL(url);
  req.url = pathname + search;
  return true;
}
