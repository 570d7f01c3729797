/** What a browser says of where a request comes from, and to where it goes. */
export interface RequestOrigin {
  secFetchSite: string | undefined;
  origin: string | undefined;
  host: string | undefined;
}

/**
 * Whether a browser says that a request comes from a page of ours, and not of another site that has a visitor's
 * browser send it, with the visitor's cookies. Null where it says nothing: then it is an old browser, or none.
 * As Go's `http.CrossOriginProtection`: what no page can forge decides, Sec-Fetch-Site before Origin.
 */
export function isSameOrigin({ secFetchSite, origin, host }: RequestOrigin, publicUrl: string): boolean | null {
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin';
  if (origin === undefined) return null;
  const ours = new URL(publicUrl);
  if (origin === ours.origin) return true;
  // Reached by another name than the one we are known by. A page that came without TLS is not ours where we have it:
  // anybody on the way could have written it.
  if (!URL.canParse(origin)) return false;
  const { host: itsHost, protocol } = new URL(origin);
  return itsHost === host && (protocol === 'https:' || ours.protocol === 'http:');
}
