import { describe, expect, test } from '@jest/globals';
import { Freshness } from '@muster/contracts';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { formatAge, formatDistance } from '../src/output/age.js';
import { createListWriter, writeList } from '../src/output/format.js';
import type { Screen, Terminal } from '../src/terminal.js';
import { formatState, healthStyle, stateStyle } from '../src/output/styles.js';
import { createTable, formatTable, type Column } from '../src/output/table.js';
import { toCell, truncate } from '../src/output/cell.js';
import { wrap } from '../src/output/wrap.js';

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
  ])('gives %s the same width as a terminal does', (_, name, columns) => {
    const [, line] = formatTable(COLUMNS, [{ name, state: 'running' }], null).split('\n');
    expect(line).toBe(`${name}${' '.repeat('NAME'.length - columns)}  running`);
  });

  test('has colors only on a screen that supports them', () => {
    const screen = (hasColors: boolean) => formatTable(COLUMNS, ROWS, { columns: 80, hasColors });
    expect(screen(true)).toContain('\u001b[32mrunning\u001b[39m');
    expect(screen(false)).not.toContain('\u001b');
    expect(formatTable(COLUMNS, ROWS, null)).not.toContain('\u001b');
  });

  test('is shortened on a screen, but complete in any other output', () => {
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

describe('a table that is too wide for its screen', () => {
  type Row = Record<'name' | 'state' | 'image' | 'id', string>;
  const columns: Column<Row>[] = [
    { title: 'NAME', text: ({ name }) => name, widthMin: 16 },
    { title: 'STATE', text: ({ state }) => state, widthMin: Infinity },
    { title: 'IMAGE', text: ({ image }) => image, omission: 4 },
    { title: 'ID', text: ({ id }) => id, widthMin: Infinity, omission: 3, wide: ({ id }) => `${id}-complete` },
    { title: 'REASONS', text: ({ name }) => `about ${name}`, isWideOnly: true },
  ];
  const rows: Row[] = [
    { name: 'checkout-service-production', state: 'running', image: 'example.org/shop:1.2', id: 'a1b2c3d4e5f6' },
  ];
  const linesAt = (width: number) =>
    formatTable(columns, rows, { columns: width, hasColors: false }).trim().split('\n');

  test('first shortens columns to their minimum widths, then omits columns, and then shortens any column', () => {
    expect(linesAt(80)[1]).toBe('checkout-service-production  running  example.org/shop:1.2  a1b2c3d4e5f6');
    expect(linesAt(55)[1]).toBe('checkout-servic…  running  example.org/s…  a1b2c3d4e5f6');
    // The minimum widths need 52 terminal columns, or 37 without the ID.
    expect(linesAt(52)[1]).toBe('checkout-servic…  running  example.or…  a1b2c3d4e5f6');
    expect(linesAt(48)[1]).toBe('checkout-service-p…  running  example.org/shop:…');
    expect(linesAt(30)).toEqual(['NAME                   STATE', 'checkout-service-pro…  running']);
    expect(linesAt(12)).toEqual(['NAME   STATE', 'chec…  runn…']);
  });

  test('omits a minor column before other columns become narrow', () => {
    const ports: Column<Row> = { title: 'PORTS', text: ({ id }) => id, omission: 2 };
    const image: Column<Row> = { title: 'IMAGE', text: ({ image }) => image, omission: 3, keep: 'end' };
    const at = (...list: Column<Row>[]) =>
      formatTable([columns[0]!, ...list], rows, { columns: 40, hasColors: false }).split('\n')[1];
    expect(at(image, ports)).toBe(at(image));
    expect(at(image)).toBe('checkout-service-p…  …ample.org/shop:1.2');
  });

  test('fits and keeps its first column', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 });
    const record = fc.record({ name: text, state: text, image: text, id: text });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), fc.integer({ min: 1, max: 300 }), (items, width) => {
        const lines = formatTable(columns, items, { columns: width, hasColors: false }).split('\n');
        expect(lines).toHaveLength(items.length + 2);
        expect(lines[0]).toMatch(/^(N|…)/);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });

  test('is complete in the format wide', () => {
    const wide = formatTable(columns, rows, { columns: 20, hasColors: false }, true);
    expect(wide).toBe(formatTable(columns, rows, null, true));
    expect(wide).toContain('a1b2c3d4e5f6-complete  about checkout-service-production\n');
    expect(formatTable(columns, rows, null)).not.toContain('REASONS');
    let csv = '';
    const terminal = { screen: null, out: (written: string) => void (csv += written) } as Terminal;
    writeList(terminal, 'csv', columns, rows, '');
    expect(csv.split('\r\n')[0]).toBe('NAME,STATE,IMAGE,ID');
  });
});

test('a growing table aligns its rows below one header', () => {
  const format = createTable(COLUMNS, null, false);
  expect([format([ROWS[1]!]), format([ROWS[0]!]), format([])].join('')).toBe(
    ['NAME          STATE', 'データベース  exited', 'web           running', ''].join('\n'),
  );
});

describe('the state of a container', () => {
  const container = (hostFreshness: Freshness, state = 'running', health: string | null = null) => ({
    ...{ hostFreshness, state, health },
  });

  test('is current only if its host is online', () => {
    expect(formatState(container('online'))).toBe('running');
    expect(stateStyle(container('online'))).toBe('green');
    for (const freshness of Freshness.options.filter((each) => each !== 'online')) {
      expect(formatState(container(freshness))).toBe('was running');
      expect(stateStyle(container(freshness))).toBe('gray');
      expect(stateStyle(container(freshness, 'running', 'healthy'))).toBe('gray');
      expect(healthStyle(container(freshness, 'running', 'unhealthy'))).toBe('gray');
    }
  });

  test('is red for a problem', () => {
    expect(stateStyle(container('online', 'running', 'unhealthy'))).toBe('red');
    expect(healthStyle(container('online', 'running', 'unhealthy'))).toBe('red');
    expect(stateStyle(container('online', 'restarting'))).toBe('red');
    expect(stateStyle(container('online', 'exited'))).toBe('gray');
  });
});

test('a wrapped text fits the screen, except for words that are longer than a line', () => {
  expect(wrap('edge-1: the clock is ahead', 14)).toBe('edge-1: the\n  clock is\n  ahead');
  expect(wrap('a-very-long-name: x', 5)).toBe('a-very-long-name:\n  x');
  expect(wrap('', 5)).toBe('');
});

test.each([
  [90_000, 'in 1m'],
  [-3 * 86_400_000, '3d ago'],
  [0, '0s ago'],
])('an instant %i ms from now is formatted as %s', (ms, text) => {
  const now = new Date('2026-03-01T12:00:00Z');
  expect(formatDistance(new Date(now.getTime() + ms).toISOString(), now)).toBe(text);
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

  test('keeps its end on request', () => {
    const endOf = (text: string, columns: number): string => truncate(toCell(text), columns, 'end').text;
    expect(endOf('nginx:1.29', 6)).toBe('…:1.29');
    expect(endOf('nginx:1.29', 1)).toBe('…');
    expect(endOf('nginx', 5)).toBe('nginx');
    expect(endOf('日本語', 4)).toBe('…語');
  });

  test('has the width that `truncate` reports', () => {
    const keep = fc.constantFrom('start' as const, 'end' as const);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), keep, (text, columns, keep) => {
        const { text: shown, width } = truncate(toCell(text), columns, keep);
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
    writeList(terminal, format, COLUMNS, rows, '');
    createListWriter(terminal, format, COLUMNS)(rows);
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
