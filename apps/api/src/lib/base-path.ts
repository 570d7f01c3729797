import { createHash } from 'node:crypto';

/**
 * Returns the path of the public URL, such as `/muster`; '' if the URL has no path. A proxy serves Muster under this
 * path, so every URL that this server sends contains this path.
 */
export const basePathOf = (publicUrl: string): string => new URL(publicUrl).pathname.replace(/\/$/, '');

/**
 * Returns the end of a cookie's name. Cookies have the path `/`, which `__Host-` requires, so servers with different
 * base paths on one origin need different names. Without a base path, nothing is added to the name, as in earlier
 * versions.
 */
export function cookieSuffixOf(publicUrl: string): string {
  const basePath = basePathOf(publicUrl);
  return basePath === '' ? '' : `_${createHash('sha256').update(basePath).digest('hex').slice(0, 8)}`;
}
