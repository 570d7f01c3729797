import { describe, expect, test } from '@jest/globals';
import { proxyFor } from '../src/muster/proxy.js';

describe('the proxy for a URL', () => {
  const via = (url: string, noProxy: string | null = null): string | null =>
    proxyFor(new URL(url), { https: 'http://secure:3128', http: 'http://plain:3128', noProxy })?.url.host ?? null;

  test('is the proxy configured for the URL’s scheme, or null', () => {
    expect([via('https://muster.example'), via('http://muster.example')]).toEqual(['secure:3128', 'plain:3128']);
    const onlyHttp = { https: null, http: 'http://plain:3128', noProxy: null };
    expect(proxyFor(new URL('https://muster.example'), onlyHttp)).toBeNull();
  });

  test.each([
    ['muster.example', 'https://muster.example', true],
    ['example', 'https://muster.example', true],
    ['.example', 'https://muster.example', true],
    ['*.example', 'https://Muster.Example', true],
    ['ster.example', 'https://muster.example', false],
    ['a.b, muster.example', 'https://muster.example', true],
    ['a.b muster.example:443', 'https://muster.example', true],
    ['muster.example:8443', 'https://muster.example', false],
    ['127.0.0.1', 'http://127.0.0.1:3000', true],
    ['::1', 'http://[::1]:3000', true],
    ['[::1]:3000', 'http://[::1]:3000', true],
    ['127.0.0.0/8,10.0.0.0/8', 'https://127.0.0.1:3443', true],
    ['127.0.0.0/8,10.0.0.0/8', 'https://10.200.3.4', true],
    ['10.0.0.0/8', 'https://11.0.0.1', false],
    ['192.0.2.128/25', 'https://192.0.2.127', false],
    ['192.0.2.128/25', 'https://192.0.2.200', true],
    ['192.0.2.128/25:443', 'https://192.0.2.200', true],
    ['192.0.2.128/25:8443', 'https://192.0.2.200', false],
    ['0.0.0.0/0', 'https://192.0.2.200', true],
    ['10.0.0.0/40', 'https://10.0.0.1', false],
    ['10.0.0.0/8', 'https://muster.example', false],
    ['10.0.0.0/8', 'https://10.example', false],
    ['muster.example/8', 'https://muster.example', false],
    ['fd00::/8', 'https://[fd12::1]:3000', true],
    ['[fd00::]/8:3000', 'https://[fd12::1]:3000', true],
    ['fe80::/10', 'https://[fd12::1]', false],
    ['0:0:0:0:0:0:0:1', 'http://[::1]:3000', true],
    ['10.0.0.0/8', 'https://[::ffff:10.1.2.3]', true],
    ['10.1.2.3', 'https://[::ffff:a01:203]', true],
    ['::ffff:10.0.0.0/104', 'https://10.1.2.3', true],
    ['*', 'https://muster.example', true],
    ['', 'https://muster.example', false],
  ])('with NO_PROXY=%s, is not used for %s: %s', (except, url, isDirect) => {
    expect(via(url, except) === null).toBe(isDirect);
  });
});
