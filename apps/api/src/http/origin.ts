/** The request headers that name the page's origin and the request's target. */
export interface RequestOrigin {
  secFetchSite: string | undefined;
  origin: string | undefined;
  host: string | undefined;
}

/**
 * Whether the browser states that a request comes from our own page, and not from another site that makes a visitor's
 * browser send it with the visitor's cookies. Null if the request does not state its origin: the client is an old
 * browser or not a browser. Like Go's `http.CrossOriginProtection`, trusts headers that a page cannot forge:
 * Sec-Fetch-Site first, then Origin.
 */
export function isSameOrigin({ secFetchSite, origin, host }: RequestOrigin, publicUrl: string): boolean | null {
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin';
  if (origin === undefined) return null;
  const ours = new URL(publicUrl);
  if (origin === ours.origin) return true;
  // Same host under another name than the public URL. If the public URL is https, a page loaded without TLS is not
  // ours: anyone on the network path could have written it.
  if (!URL.canParse(origin)) return false;
  const { host: itsHost, protocol } = new URL(origin);
  return itsHost === host && (protocol === 'https:' || ours.protocol === 'http:');
}
