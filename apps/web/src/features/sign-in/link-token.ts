import { useState } from 'react';
import { BASE_PATH, withoutBasePath } from '../../lib/base-path';

/** The pages whose links contain a token. */
const PAGES: ReadonlySet<string> = new Set(['/setup', '/invitation']);
/** The beginning of the key under which session storage holds the token of a page. */
const KEY_PREFIX = `muster.link-token ${BASE_PATH}`;

/** Copies of the tokens in memory, for browsers that block storage. */
const tokens = new Map<string, string>();

const pageOf = ({ pathname }: Location): string => withoutBasePath(pathname).replace(/\/+$/, '');

/**
 * Moves the token of a one-time link from the URL to the tab's session storage, so that the token does not appear on
 * the screen or in the browser's history. The token is kept until it is used or the tab is closed, even if the page is
 * reloaded. Returns whether the URL contained a token.
 */
export function hideLinkToken(): boolean {
  const page = pageOf(window.location);
  if (!PAGES.has(page)) return false;
  const { hash, search } = window.location;
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? new URLSearchParams(search).get('token');
  if (token === null) return false;
  tokens.set(page, token);
  accessStorage((storage) => storage.setItem(KEY_PREFIX + page, token));
  window.history.replaceState(window.history.state, '', BASE_PATH + page);
  return true;
}

/** Returns the token of the link to this page, or an empty string if the link had no token. */
export function useLinkToken(): string {
  const [token] = useState(() => {
    const page = pageOf(window.location);
    return tokens.get(page) ?? accessStorage((storage) => storage.getItem(KEY_PREFIX + page)) ?? '';
  });
  return token;
}

/** Deletes all stored link tokens. Call this function after a token has been used. */
export function deleteLinkTokens(): void {
  tokens.clear();
  accessStorage((storage) => PAGES.forEach((page) => storage.removeItem(KEY_PREFIX + page)));
}

/**
 * Calls `access` with the tab's session storage, and returns the result. Returns null if the browser blocks storage.
 */
function accessStorage<T>(access: (storage: Storage) => T): T | null {
  try {
    return access(window.sessionStorage);
  } catch {
    return null;
  }
}
