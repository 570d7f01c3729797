import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { age } from '../src/output/age.js';
import { csvLine } from '../src/output/csv.js';
import { plainText } from '../src/output/plain-text.js';
import { table, type Column } from '../src/output/table.js';
import { cut, widthOf } from '../src/output/width.js';

const COLUMNS: Column<{ name: string; state: string }>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'STATE', text: ({ state }) => state, style: () => 'green' },
];
const ROWS = [
  { name: 'web', state: 'running' },
  { name: 'データベース', state: 'exited' },
];

describe('a table', () => {
  test('has its columns below each other, wide characters among them', () => {
    expect(table(COLUMNS, ROWS, null)).toBe(
      ['NAME          STATE', 'web           running', 'データベース  exited', ''].join('\n'),
    );
  });

  test('has colours on a screen that has them, and nowhere else', () => {
    const screen = (hasColours: boolean) => table(COLUMNS, ROWS, { columns: 80, hasColours });
    expect(screen(true)).toContain('\u001b[32mrunning\u001b[39m');
    expect(screen(false)).not.toContain('\u001b');
    expect(table(COLUMNS, ROWS, null)).not.toContain('\u001b');
  });

  test('fits a screen, and is whole elsewhere', () => {
    const rows = [{ name: 'x'.repeat(100), state: 'running' }];
    for (const line of table(COLUMNS, rows, { columns: 40, hasColours: false }).split('\n')) {
      expect(widthOf(line)).toBeLessThanOrEqual(40);
    }
    expect(table(COLUMNS, rows, null)).toContain('x'.repeat(100));
  });

  test('is no command to a terminal, whatever others have called their containers', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii' }),
        fc.constantFrom('\u001b[2J', '\u009b31m', '\r', '\u202e', '\n'),
        (name, evil) => {
          const shown = table(COLUMNS, [{ name: evil + name, state: 'running' }], null);
          // eslint-disable-next-line no-control-regex -- they are what must not be there
          expect(shown.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
          expect(shown.split('\n')).toHaveLength(3);
        },
      ),
    );
  });
});

test('what cannot be shown is not left out, so that two names do not look like one', () => {
  expect(plainText('a\u0007b')).toBe('a\ufffdb');
  expect(plainText('plain, ümläut, 日本, 🚢')).toBe('plain, ümläut, 日本, 🚢');
});

test('a text that is cut fits, and shows that it was', () => {
  expect(cut('nginx', 5)).toBe('nginx');
  expect(cut('nginx:1.29', 6)).toBe('nginx…');
  expect(cut('日本語', 4)).toBe('日…');
});

describe('a line of CSV', () => {
  const line = (name: string) => csvLine(COLUMNS, { name, state: 'x' });

  test('has quotes where it needs them', () => {
    expect(line('a,b')).toBe('"a,b",x\r\n');
    expect(line('a"b')).toBe('"a""b",x\r\n');
    expect(line('a\nb')).toBe('"a\nb",x\r\n');
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('holds no formula: %j', (name) => {
    expect(line(name)).toMatch(/^"?'/);
  });
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [60, '1m'],
  [7_199, '1h'],
  [86_400 * 3, '3d'],
  [-5, '0s'],
])('%i s ago is %s', (seconds, text) => {
  const now = new Date('2026-03-01T12:00:00Z');
  expect(age(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text);
  expect(age(null, now)).toBe('-');
});
