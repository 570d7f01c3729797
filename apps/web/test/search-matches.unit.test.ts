import { describe, expect, test } from '@jest/globals';
import { sortExactFirst } from '../src/lib/sort-exact-first';
import { optionAfterKey } from '../src/lib/listbox';

describe('the matches below a search field', () => {
  test('are selected only with the arrow keys, which wrap around at both ends', () => {
    expect(optionAfterKey('ArrowDown', 0, 3)).toBe(1);
    expect(optionAfterKey('ArrowDown', 2, 3)).toBe(0);
    expect(optionAfterKey('ArrowUp', 0, 3)).toBe(2);
    expect(optionAfterKey('Enter', 0, 3)).toBeNull();
    expect(optionAfterKey('ArrowDown', 0, 0)).toBeNull();
  });

  test('begin with the host that has exactly the typed name', () => {
    const hosts = ['a-web-1', 'web-10', 'WEB-1', 'web-11'].map((name) => ({ name }));
    expect(sortExactFirst(hosts, 'web-1').map(({ name }) => name)).toEqual(['WEB-1', 'a-web-1', 'web-10', 'web-11']);
  });
});
