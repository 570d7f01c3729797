import { useState } from 'react';

/** The pages whose links carry a token. */
const PAGES: ReadonlySet<string> = new Set(['/setup', '/invitation']);
const KEY_PREFIX = 'muster.link-token ';

/** The tokens of this page load, for browsers that refuse to store anything. */
const tokens = new Map<string, string>();

const pageOf = ({ pathname }: Location): string => pathname.replace(/\/+$/, '');

/**
 * Takes the token of a one-time link out of the address, where people nearby, screenshots and the browser's history
 * would show it. The tab keeps it for a reload, until it is used or the tab is closed. True if there was one.
 */
export function hideLinkToken(): boolean {
  const page = pageOf(window.location);
  if (!PAGES.has(page)) return false;
  const { hash, search } = window.location;
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? new URLSearchParams(search).get('token');
  if (token === null) return false;
  tokens.set(page, token);
  inStorage((storage) => storage.setItem(KEY_PREFIX + page, token));
  window.history.replaceState(window.history.state, '', page);
  return true;
}

/** The token of the link that led to this page; empty if there was none. */
export function useLinkToken(): string {
  const [token] = useState(() => {
    const page = pageOf(window.location);
    return tokens.get(page) ?? inStorage((storage) => storage.getItem(KEY_PREFIX + page)) ?? '';
  });
  return token;
}

/** Forgets the tokens of all links, once one of them was used. */
export function forgetLinkTokens(): void {
  tokens.clear();
  inStorage((storage) => PAGES.forEach((page) => storage.removeItem(KEY_PREFIX + page)));
}

/** Uses the tab's storage; null if the browser refuses it. */
function inStorage<T>(access: (storage: Storage) => T): T | null {
  try {
    return access(window.sessionStorage);
  } catch {
    return null;
  }
}
