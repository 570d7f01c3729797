import { describe, expect, test } from '@jest/globals';
import { toCsvLine } from '../src/csv.js';

describe('a CSV line', () => {
  test('quotes cells where needed, and keeps numbers unchanged', () => {
    expect(toCsvLine(['a', 'b,c', 'd"e', 'f\ng', 'h;i', null, -1])).toBe('a,"b,c","d""e","f\ng","h;i",,-1\r\n');
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1+1', '＋1', '－1', '＠SUM(A1)'])(
    'contains no formula: %j',
    (text) => {
      expect(toCsvLine([text, 'x'])).toMatch(/^"?'/);
    },
  );

  // In locales with a decimal comma, `;` separates cells, and pasted text is split at tabs and line breaks.
  test.each(['sh -c "a;=1+1"', 'a;@SUM(A1)', 'a;"=1+1"', 'a\t=1+1', 'a\n=1+1', 'a\r-1', 'a;＝1+1'])(
    'contains no formula even if other characters separate cells: %j',
    (text) => {
      const cells = toCsvLine(['x', text, 'y']).split(/[;\t\r\n]/);
      for (const cell of cells) expect(cell).not.toMatch(/^"*[=+\-@＝＋－＠]/);
    },
  );
});
