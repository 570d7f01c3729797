import type { RequestListener } from 'node:http';
import { basePathOf } from '../lib/base-path.js';

/**
 * Removes the path of `publicUrl` from the targets of requests. Targets without this path are unchanged, because some
 * proxies remove the path themselves. Call this function before any code reads the path.
 */
export function removeBasePath(publicUrl: string, listener: RequestListener): RequestListener {
  const basePath = basePathOf(publicUrl);
  if (basePath === '') return listener;
  return (req, res) => {
    const { url = '' } = req;
    const rest = url.startsWith(basePath) ? url.slice(basePath.length) : null;
    // `/musters` does not begin with the path `/muster`.
    if (rest === '' || rest?.startsWith('?')) req.url = `/${rest}`;
    else if (rest?.startsWith('/')) req.url = rest;
    listener(req, res);
  };
}
