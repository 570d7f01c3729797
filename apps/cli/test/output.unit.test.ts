import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { formatAge } from '../src/output/age.js';
import { writeList, writeOne } from '../src/output/format.js';
import type { Screen, Terminal } from '../src/terminal.js';
import { formatTable, type Column } from '../src/output/table.js';
import { toCell, truncate } from '../src/output/cell.js';

const COLUMNS: Column<{ name: string; state: string }>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'STATE', text: ({ state }) => state, style: () => 'green' },
];
const ROWS = [
  { name: 'web', state: 'running' },
  { name: 'データベース', state: 'exited' },
];

describe('a table', () => {
  test('aligns its columns, including those with wide characters', () => {
    expect(formatTable(COLUMNS, ROWS, null)).toBe(
      ['NAME          STATE', 'web           running', 'データベース  exited', ''].join('\n'),
    );
  });

  test.each([
    ['a flag', '🇩🇪', 2],
    ['an emoji with a variation selector', '⚠️', 2],
    ['an emoji with a skin tone', '👍🏽', 2],
    ['a combining accent', 'e\u0301', 1],
    ['a decomposed Hangul syllable', '\u1112\u1161\u11ab', 2],
    ['half-width kana with a voicing mark', 'ﾀﾞ', 2],
  ])('gives %s as many columns as a terminal gives it', (_, name, columns) => {
    const [, line] = formatTable(COLUMNS, [{ name, state: 'running' }], null).split('\n');
    expect(line).toBe(`${name}${' '.repeat('NAME'.length - columns)}  running`);
  });

  test('has colors only on a screen that supports them', () => {
    const screen = (hasColors: boolean) => formatTable(COLUMNS, ROWS, { columns: 80, hasColors });
    expect(screen(true)).toContain('\u001b[32mrunning\u001b[39m');
    expect(screen(false)).not.toContain('\u001b');
    expect(formatTable(COLUMNS, ROWS, null)).not.toContain('\u001b');
  });

  test('is shortened to fit a screen but complete in any other output', () => {
    const rows = [{ name: 'x'.repeat(100), state: 'running' }];
    for (const line of formatTable(COLUMNS, rows, { columns: 40, hasColors: false }).split('\n')) {
      expect(stringWidth(line)).toBeLessThanOrEqual(40);
    }
    expect(formatTable(COLUMNS, rows, null)).toContain('x'.repeat(100));
  });

  test('can have more rows than a function can have arguments', () => {
    const text = formatTable([COLUMNS[0]!], Array<(typeof ROWS)[number]>(200_000).fill(ROWS[0]!), null);
    expect(text).toHaveLength('NAME\n'.length + 200_000 * 'web\n'.length);
  });

  test('contains no control characters, for any container name', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii' }),
        fc.constantFrom('\u001b[2J', '\u009b31m', '\r', '\u202e', '\n'),
        (name, controlText) => {
          const shown = formatTable(COLUMNS, [{ name: controlText + name, state: 'running' }], null);
          expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
          expect(shown.split('\n')).toHaveLength(3);
        },
      ),
    );
  });
});

describe('a truncated text', () => {
  const truncateText = (text: string, columns: number): string => truncate(toCell(text), columns).text;

  test('fits and ends with an ellipsis', () => {
    expect(truncateText('nginx', 5)).toBe('nginx');
    expect(truncateText('nginx:1.29', 6)).toBe('nginx…');
    expect(truncateText('日本語', 4)).toBe('日…');
  });

  test('does not split combined characters', () => {
    expect(truncateText('cafe\u0301s', 5)).toBe('cafe\u0301s');
    expect(truncateText('cafe\u0301 bar', 5)).toBe('cafe\u0301…');
    expect(truncateText('🇩🇪🇫🇷', 3)).toBe('🇩🇪…');
    expect(truncateText('👍🏽👍🏽', 3)).toBe('👍🏽…');
  });

  test('has the width that `truncate` returns with it, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, columns) => {
        const { text: shown, width } = truncate(toCell(text), columns);
        expect(width).toBeLessThanOrEqual(columns);
        expect(stringWidth(shown)).toBe(width);
      }),
    );
  });
});

describe('a list with control characters in its texts', () => {
  const rows = [{ name: 'a\u001b]0;x\u0007\u009b2J\u202e', state: '=1+1' }];
  const CONTROL = /(?!\n)[\p{Cc}\u202e]/u;
  const written = (format: 'json' | 'csv', screen: Screen | null): string => {
    let out = '';
    const terminal = { screen, out: (text: string) => void (out += text) } as Terminal;
    writeList(terminal, format, COLUMNS, rows);
    writeOne(terminal, format, COLUMNS, rows[0]!);
    return out;
  };

  test.each(['json', 'csv'] as const)('is shown as %s without control characters', (format) => {
    expect(written(format, { columns: 80, hasColors: true })).not.toMatch(CONTROL);
  });

  test('is written to a JSON file with its exact texts', () => {
    const [list] = /^\[.*?\n\]/s.exec(written('json', null)) ?? ['null'];
    expect(JSON.parse(list)).toEqual(rows);
  });

  test('is written to a CSV file with its exact texts, except that formulas are escaped', () => {
    expect(written('csv', null)).toContain(`"${rows[0]!.name}",'=1+1\r\n`);
  });
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [60, '1m'],
  [7_199, '1h'],
  [86_400 * 3, '3d'],
  [-5, '0s'],
])('the age of an instant %i seconds ago is formatted as %s', (seconds, text) => {
  const now = new Date('2026-03-01T12:00:00Z');
  expect(formatAge(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text);
  expect(formatAge(null, now)).toBe('-');
});
