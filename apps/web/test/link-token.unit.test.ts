import './window';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { SAME_ORIGIN_PATH_PATTERN } from '@muster/contracts';
import { forgetLinkTokens, hideLinkToken } from '../src/features/sign-in/link-token';

/** The address and storage of a tab, as far as links with tokens need them. */
function openTab(href: string, { blocksStorage = false } = {}) {
  const stored = new Map<string, string>();
  const sessionStorage = {
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
    getItem: (key: string) => stored.get(key) ?? null,
  };
  const addresses: string[] = [];
  const replaceState = (_state: unknown, _title: string, path: string) => addresses.push(path);
  Object.assign(window, { location: new URL(href), history: { state: null, replaceState } });
  Object.defineProperty(window, 'sessionStorage', {
    configurable: true,
    get() {
      if (blocksStorage) throw new Error('refused');
      return sessionStorage;
    },
  });
  return { stored, addresses };
}

describe('the token of a one-time link', () => {
  beforeEach(() => {
    openTab('http://muster.test/');
    forgetLinkTokens();
  });

  test.each([
    ['http://muster.test/setup#token=muster_setup_a', '/setup'],
    ['http://muster.test/invitation?token=muster_setup_a', '/invitation'],
    ['http://muster.test/invitation/?x=1#token=muster_setup_a', '/invitation'],
  ])('moves from the address %s to the storage of the tab', (href, path) => {
    const { stored, addresses } = openTab(href);
    expect(hideLinkToken()).toBe(true);
    expect(addresses).toEqual([path]);
    expect([...stored.values()]).toEqual(['muster_setup_a']);
  });

  test.each([
    'http://muster.test/setup',
    'http://muster.test/setup#other=1',
    // Other pages do not use tokens, and keep their address.
    'http://muster.test/containers?token=muster_setup_a',
    'http://muster.test/setup/x#token=muster_setup_a',
  ])('is not looked for in %s', (href) => {
    const { stored, addresses } = openTab(href);
    expect(hideLinkToken()).toBe(false);
    expect([addresses, [...stored]]).toEqual([[], []]);
  });

  test('is removed from the address even if the browser blocks storage', () => {
    const { addresses } = openTab('http://muster.test/setup#token=muster_setup_a', { blocksStorage: true });
    expect(hideLinkToken()).toBe(true);
    expect(addresses).toEqual(['/setup']);
    expect(() => forgetLinkTokens()).not.toThrow();
  });

  test('is deleted after use, on all pages', () => {
    const { stored } = openTab('http://muster.test/setup#token=muster_setup_a');
    hideLinkToken();
    Object.assign(window, { location: new URL('http://muster.test/invitation#token=muster_invite_b') });
    hideLinkToken();
    expect(stored.size).toBe(2);
    forgetLinkTokens();
    expect(stored.size).toBe(0);
  });
});

test('a sign-in leads only to a path of this site', () => {
  const isOnThisSite = (next: string) => new RegExp(SAME_ORIGIN_PATH_PATTERN).test(next);
  for (const next of ['/', '/containers?q=a', '/hosts/1#x']) expect(isOnThisSite(next)).toBe(true);
  for (const next of ['//evil.test', '/\\evil.test', 'https://evil.test', 'javascript:alert(1)', '', '/\t/evil.test']) {
    expect(isOnThisSite(next)).toBe(false);
  }
});
