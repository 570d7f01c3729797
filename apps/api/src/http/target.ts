import type { IncomingMessage } from 'node:http';

/**
 * Reduces a request target in absolute form (RFC 9112, 3.2.2) to its path and query. Returns false if the target has no
 * path. For such a target, Express would skip every middleware and send its own error page.
 */
export function normalizeTarget(req: IncomingMessage): boolean {
  const { url = '' } = req;
  if (url.startsWith('/') || url === '*') return true;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { pathname, search } = new URL(url);
  req.url = pathname + search;
  return true;
}
