import './window';
import { expect, test } from '@jest/globals';

test('the base path is part of the server’s address, and is removed only from paths below the base path', async () => {
  Object.assign(globalThis, { document: { querySelector: () => ({ content: '/tools/muster' }) } });
  const { SERVER_URL, withoutBasePath } = await import('../src/lib/base-path');
  expect(SERVER_URL).toBe('http://muster.test/tools/muster');
  expect(
    ['/tools/muster', '/tools/muster/', '/tools/muster/hosts', '/tools/musters', '/hosts'].map(withoutBasePath),
  ).toEqual(['/', '/', '/hosts', '/tools/musters', '/hosts']);
});
