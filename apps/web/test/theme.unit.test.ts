import { expect, test } from '@jest/globals';
import { applyTheme } from '../src/app/theme';

test.each([
  ['light', 'light'],
  ['dark', 'dark'],
  ['system', undefined],
  ['sepia', undefined],
  [null, undefined],
])('the stored theme %j sets the theme attribute to %j', (stored, expected) => {
  const dataset: Record<string, string> = { theme: 'dark' };
  Object.assign(globalThis, { localStorage: { getItem: () => stored }, document: { documentElement: { dataset } } });
  applyTheme();
  expect(dataset['theme']).toBe(expected);
});
