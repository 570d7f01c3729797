import { toTerminalText } from '@muster/contracts';
import { styleText } from 'node:util';
import type { Screen } from '../terminal.js';
import { cut, widthOf } from './width.js';

export type Style = Parameters<typeof styleText>[0];

/** One column of a table, and one field of a CSV line. */
export interface Column<Row> {
  title: string;
  text: (row: Row) => string;
  /** How it looks on a terminal; null: like any other. */
  style?: (row: Row) => Style | null;
  /** For a machine, where that is another text. */
  raw?: (row: Row) => string;
}

const GAP = '  ';

/** Columns that no cut goes below. */
const WIDTH_MIN = 8;

/**
 * A table with a line of titles. On a screen its lines fit, as far as they can, and have colours; elsewhere everything
 * is there. Nothing in it is a command to a terminal.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen | null): string {
  const cells = rows.map((row) => columns.map(({ text }) => toTerminalText(text(row))));
  const natural = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((line) => widthOf(line[i]!))));
  const widths = screen === null ? natural : fit(natural, screen.columns);
  const paint = (style: Style | null | undefined, text: string) =>
    // Whether it is a screen is known here already.
    screen?.hasColours && style ? styleText(style, text, { validateStream: false }) : text;

  const line = (texts: readonly string[], styleOf: (column: number) => Style | null | undefined) =>
    texts
      .map((text, i) => {
        const shown = cut(text, widths[i]!);
        const isLast = i === texts.length - 1;
        return paint(styleOf(i), shown) + (isLast ? '' : ' '.repeat(widths[i]! - widthOf(shown)));
      })
      .join(GAP)
      .trimEnd();
  return [
    line(
      columns.map(({ title }) => title),
      () => 'bold',
    ),
    ...rows.map((row, index) => line(cells[index]!, (i) => columns[i]!.style?.(row))),
  ]
    .map((text) => `${text}\n`)
    .join('');
}

/** Takes from the widest columns first, until the line fits or nothing more can be taken. */
function fit(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  const room = columns - GAP.length * (widths.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= WIDTH_MIN) break;
    widths[widest]! -= 1;
    excess -= 1;
  }
  return widths;
}
