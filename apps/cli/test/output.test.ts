import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { age } from '../src/output/age.js';
import { writeList, writeOne } from '../src/output/format.js';
import type { Screen, Terminal } from '../src/terminal.js';
import { formatTable, type Column } from '../src/output/table.js';
import { truncate, displayWidth } from '../src/output/width.js';

const COLUMNS: Column<{ name: string; state: string }>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'STATE', text: ({ state }) => state, style: () => 'green' },
];
const ROWS = [
  { name: 'web', state: 'running' },
  { name: 'データベース', state: 'exited' },
];

describe('a table', () => {
  test('aligns its columns, also with wide characters', () => {
    expect(formatTable(COLUMNS, ROWS, null)).toBe(
      ['NAME          STATE', 'web           running', 'データベース  exited', ''].join('\n'),
    );
  });

  test('has colors only on a screen that supports them', () => {
    const screen = (hasColors: boolean) => formatTable(COLUMNS, ROWS, { columns: 80, hasColors });
    expect(screen(true)).toContain('\u001b[32mrunning\u001b[39m');
    expect(screen(false)).not.toContain('\u001b');
    expect(formatTable(COLUMNS, ROWS, null)).not.toContain('\u001b');
  });

  test('is shortened to fit a screen, and complete elsewhere', () => {
    const rows = [{ name: 'x'.repeat(100), state: 'running' }];
    for (const line of formatTable(COLUMNS, rows, { columns: 40, hasColors: false }).split('\n')) {
      expect(displayWidth(line)).toBeLessThanOrEqual(40);
    }
    expect(formatTable(COLUMNS, rows, null)).toContain('x'.repeat(100));
  });

  test('contains no control characters, for any container name', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii' }),
        fc.constantFrom('\u001b[2J', '\u009b31m', '\r', '\u202e', '\n'),
        (name, evil) => {
          const shown = formatTable(COLUMNS, [{ name: evil + name, state: 'running' }], null);
          // eslint-disable-next-line no-control-regex -- the pattern must match control characters
          expect(shown.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
          expect(shown.split('\n')).toHaveLength(3);
        },
      ),
    );
  });
});

test('a cut text fits and ends with an ellipsis', () => {
  expect(truncate('nginx', 5)).toBe('nginx');
  expect(truncate('nginx:1.29', 6)).toBe('nginx…');
  expect(truncate('日本語', 4)).toBe('日…');
});

describe('a list with control characters in its texts', () => {
  const rows = [{ name: 'a\u001b]0;x\u0007\u009b2J\u202e', state: '=1+1' }];
  // eslint-disable-next-line no-control-regex -- the pattern must match control characters
  const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
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

  test('is written as JSON with the same value', () => {
    const [list] = /^\[.*?\n\]/s.exec(written('json', null)) ?? ['null'];
    expect(JSON.parse(list)).toEqual(rows);
  });

  test('is written to a file as CSV, unchanged except for formulas', () => {
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
])('%i s ago is %s', (seconds, text) => {
  const now = new Date('2026-03-01T12:00:00Z');
  expect(age(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text);
  expect(age(null, now)).toBe('-');
});
