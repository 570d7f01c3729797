import './window';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { SAME_ORIGIN_PATH_PATTERN } from '@muster/contracts';
import { deleteLinkTokens, hideLinkToken } from '../src/features/sign-in/link-token';

/** Replaces the URL, history and session storage of the tab. Returns the stored items and the new URLs. */
function openTab(href: string, { blocksStorage = false } = {}) {
  const storedItems = new Map<string, string>();
  const sessionStorage = {
    setItem: (key: string, value: string) => void storedItems.set(key, value),
    removeItem: (key: string) => void storedItems.delete(key),
    getItem: (key: string) => storedItems.get(key) ?? null,
  };
  const newUrls: string[] = [];
  const replaceState = (_state: unknown, _title: string, path: string) => newUrls.push(path);
  Object.assign(window, { location: new URL(href), history: { state: null, replaceState } });
  Object.defineProperty(window, 'sessionStorage', {
    configurable: true,
    get() {
      if (blocksStorage) throw new Error('refused');
      return sessionStorage;
    },
  });
  return { storedItems, newUrls };
}

describe('the token of a one-time link', () => {
  beforeEach(() => {
    openTab('http://muster.test/');
    deleteLinkTokens();
  });

  test.each([
    ['http://muster.test/setup#token=muster_setup_a', '/setup'],
    ['http://muster.test/invitation?token=muster_setup_a', '/invitation'],
    ['http://muster.test/invitation/?x=1#token=muster_setup_a', '/invitation'],
  ])('moves from the URL %s to the storage of the tab', (href, path) => {
    const { storedItems, newUrls } = openTab(href);
    expect(hideLinkToken()).toBe(true);
    expect(newUrls).toEqual([path]);
    expect([...storedItems.values()]).toEqual(['muster_setup_a']);
  });

  test.each([
    'http://muster.test/setup',
    'http://muster.test/setup#other=1',
    // Other pages do not use tokens, so their URLs do not change.
    'http://muster.test/containers?token=muster_setup_a',
    'http://muster.test/setup/x#token=muster_setup_a',
  ])('is not taken from the URL %s', (href) => {
    const { storedItems, newUrls } = openTab(href);
    expect(hideLinkToken()).toBe(false);
    expect([newUrls, [...storedItems]]).toEqual([[], []]);
  });

  test('is removed from the URL even if the browser blocks storage', () => {
    const { newUrls } = openTab('http://muster.test/setup#token=muster_setup_a', { blocksStorage: true });
    expect(hideLinkToken()).toBe(true);
    expect(newUrls).toEqual(['/setup']);
    expect(() => deleteLinkTokens()).not.toThrow();
  });

  test('is deleted after use, together with the tokens of other pages', () => {
    const { storedItems } = openTab('http://muster.test/setup#token=muster_setup_a');
    hideLinkToken();
    Object.assign(window, { location: new URL('http://muster.test/invitation#token=muster_invite_b') });
    hideLinkToken();
    expect(storedItems.size).toBe(2);
    deleteLinkTokens();
    expect(storedItems.size).toBe(0);
  });
});

test('signing in redirects only to a path on this site', () => {
  const isOnThisSite = (next: string) => new RegExp(SAME_ORIGIN_PATH_PATTERN).test(next);
  for (const next of ['/', '/containers?q=a', '/hosts/1#x']) expect(isOnThisSite(next)).toBe(true);
  for (const next of ['//evil.test', '/\\evil.test', 'https://evil.test', 'javascript:alert(1)', '', '/\t/evil.test']) {
    expect(isOnThisSite(next)).toBe(false);
  }
});
