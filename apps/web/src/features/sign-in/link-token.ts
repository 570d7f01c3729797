import { useState } from 'react';

/** The pages whose links carry a token. */
const PAGES: ReadonlySet<string> = new Set(['/setup', '/invitation']);
const KEY_PREFIX = 'muster.link-token ';

/** The tokens in memory, for browsers that block storage. */
const tokens = new Map<string, string>();

const pageOf = ({ pathname }: Location): string => pathname.replace(/\/+$/, '');

/**
 * Moves the token of a one-time link from the address to the tab's storage, so that it does not appear on the screen or
 * in the browser's history. It survives a reload, until it is used or the tab is closed. Returns whether the address
 * contained a token.
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

/** Returns the token of the link to this page, or an empty text if there was none. */
export function useLinkToken(): string {
  const [token] = useState(() => {
    const page = pageOf(window.location);
    return tokens.get(page) ?? inStorage((storage) => storage.getItem(KEY_PREFIX + page)) ?? '';
  });
  return token;
}

/** Deletes all stored link tokens. It must be called after one of them was used. */
export function forgetLinkTokens(): void {
  tokens.clear();
  inStorage((storage) => PAGES.forEach((page) => storage.removeItem(KEY_PREFIX + page)));
}

/** Accesses the tab's storage. Returns null if the browser blocks it. */
function inStorage<T>(access: (storage: Storage) => T): T | null {
  try {
    return access(window.sessionStorage);
  } catch {
    return null;
  }
}
