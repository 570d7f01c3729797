/** The request headers that state the page's origin and the request's target. */
export interface RequestOrigin {
  secFetchSite: string | undefined;
  origin: string | undefined;
  host: string | undefined;
}

/**
 * Returns whether, according to the browser, one of our own pages sent a request. Returns null if the request does not
 * state its origin, because the client is an old browser or not a browser. A session cookie proves nothing, because
 * another site can make a visitor's browser send requests with the visitor's cookies. Like Go's
 * `http.CrossOriginProtection`, trusts only headers that a page cannot forge: Sec-Fetch-Site first, then Origin.
 */
export function isSameOrigin({ secFetchSite, origin, host }: RequestOrigin, publicUrl: string): boolean | null {
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin';
  if (origin === undefined) return null;
  const ours = new URL(publicUrl);
  if (origin === ours.origin) return true;
  // The browser may reach the server under a name that is not in the public URL, so the origin is also compared with
  // the request's Host header. If the public URL is https, a page loaded without TLS is not trusted, because anyone on
  // the network path could have written it.
  if (!URL.canParse(origin)) return false;
  const { host: originHost, protocol } = new URL(origin);
  return originHost === host && (protocol === 'https:' || ours.protocol === 'http:');
}
